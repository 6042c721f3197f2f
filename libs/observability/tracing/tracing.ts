/** Ids, names of the configuration and closed sets; never prompts, answers or secrets. Left out where undefined. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanStart {
  /** Of a closed set: what differs from span to span is in its attributes. */
  readonly name: string;
  /** Left out: `internal`. */
  readonly kind?: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  /** `traceparent` of the span it belongs to, as W3C Trace Context writes it; undefined or malformed: it begins a trace. */
  readonly parent?: string | undefined;
  /** Unix ms; left out: now. */
  readonly startMs?: number | undefined;
  readonly attributes?: SpanAttributes;
}

/** Something that takes time. It is seen once it has ended; one whose process dies before that is not. */
export interface Span {
  /** To be carried to whatever this leads to; undefined: it is not recorded, and neither is what follows. */
  readonly traceparent: string | undefined;
  set(attributes: SpanAttributes): void;
  event(name: string, attributes?: SpanAttributes): void;
  /** @param error a code of ours, or of HTTP; left out: it went well */
  end(error?: string): void;
}

/**
 * Traces of what is done. Context goes along as `traceparent`, a plain string, in rows and messages: what belongs together is
 * minutes and processes apart, and often a restart, so that nothing kept in a process would hold it together.
 */
export interface Tracing {
  readonly isOn: boolean;
  span(start: SpanStart): Span;
  /** Sends what is left, for two seconds at most. */
  stop(): Promise<void>;
}

export const NO_SPAN: Span = {
  traceparent: undefined,
  set: () => undefined,
  event: () => undefined,
  end: () => undefined,
};

export const NO_TRACING: Tracing = {
  isOn: false,
  span: () => NO_SPAN,
  stop: () => Promise.resolve(),
};

export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** @returns undefined for what is none, which is to be ignored */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(header ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}
