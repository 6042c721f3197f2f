import { z } from 'zod';
import { LocalEndpoint, type Reply } from './local-endpoint.js';
import { until } from './until.js';

const value = z.object({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
});
const attributes = z
  .array(z.object({ key: z.string(), value }))
  .default([])
  .transform((list) =>
    Object.fromEntries(
      list.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
        key,
        stringValue ?? doubleValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue)),
      ]),
    ),
  );
const nanos = z.string().transform((text) => Number(BigInt(text) / 1000n) / 1000);
const exportSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().regex(/^[0-9a-f]{32}$/),
              spanId: z.string().regex(/^[0-9a-f]{16}$/),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.number(),
              startTimeUnixNano: nanos,
              endTimeUnixNano: nanos,
              attributes,
              events: z.array(z.object({ name: z.string(), attributes })).default([]),
              status: z.object({ code: z.number().optional() }),
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface CollectedSpan {
  /** `service.name`. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** As in OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Unix ms. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly events: readonly string[];
  readonly isError: boolean;
}

const takes: Reply = ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
};

/** Receives OTLP over HTTP, in JSON, as a collector does; or hangs, as one that is ill. */
export class TraceCollector {
  private constructor(readonly endpoint: LocalEndpoint) {}

  static async start(): Promise<TraceCollector> {
    const endpoint = await LocalEndpoint.start();
    endpoint.always(takes);
    return new TraceCollector(endpoint);
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return this.endpoint.origin;
  }

  /** Bodies as they came. */
  get bodies(): string[] {
    return this.endpoint.exchanges.map(({ body }) => body);
  }

  /** In the order in which they began. */
  get spans(): CollectedSpan[] {
    const all = this.bodies.flatMap((body) =>
      exportSchema.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map(({ startTimeUnixNano, endTimeUnixNano, parentSpanId, events, status, ...span }) => ({
            ...span,
            service: String(resource.attributes['service.name']),
            parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
            startMs: startTimeUnixNano,
            endMs: endTimeUnixNano,
            events: events.map(({ name }) => name),
            isError: status.code === 2,
          })),
        ),
      ),
    );
    return all.sort((left, right) => left.startMs - right.startMs);
  }

  /** Waits until a trace has this many spans, and gives them. */
  trace(traceId: string, count: number, timeoutMs?: number): Promise<CollectedSpan[]> {
    const collected = (): CollectedSpan[] => this.spans.filter((span) => span.traceId === traceId);
    return until(
      `${count} spans of trace ${traceId}`,
      () => {
        const spans = collected();
        return spans.length >= count ? spans : undefined;
      },
      timeoutMs,
    );
  }

  /** From now on it takes requests and answers none. */
  hang(): void {
    this.endpoint.always(() => undefined);
  }

  close(): Promise<void> {
    return this.endpoint.close();
  }
}
