import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
  type Attributes,
  type Context,
  type HrTime,
  type Span as SdkSpan,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { ATTR_ERROR_TYPE, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import type { SamplerOptions, TracingOptions } from './options.js';
import {
  NO_SPAN,
  parseTraceparent,
  traceparentOf,
  type Span,
  type SpanAttributes,
  type SpanStart,
  type Tracing,
} from './tracing.js';

/** Spans that may wait for the collector, some 4 MB; more are dropped, because memory is not a queue. */
const WAITING_MAX = 4096;
const BATCH_MAX = 512;
const BATCH_EVERY_MS = 1000;
const STOP_WITHIN_MS = 2000;
/** As `ExportResultCode` of OpenTelemetry's core has it. */
const FAILED = 1;
const FAILURES_LOGGED_EVERY_MS = 60_000;
/** Ids and names are shorter. */
const ATTRIBUTE_LENGTH_MAX = 256;
const EVENTS_MAX = 64;

const KINDS: Readonly<Record<NonNullable<SpanStart['kind']>, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/** Loaded only where tracing is on. Nothing of it is made global: no other code is instrumented, or meets it. */
export function openTelemetry(
  options: TracingOptions,
  process: string,
  metrics: Metrics,
  logger: Logger,
): Tracing {
  const exporter = new OTLPTraceExporter({
    url: options.url,
    headers: { ...options.headers },
    timeoutMillis: options.timeoutMs,
    concurrencyLimit: 2,
  });
  const processor = new BoundedProcessor(exporter, options.timeoutMs, metrics, logger);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      ...options.resourceAttributes,
      [ATTR_SERVICE_NAME]: `${options.serviceName}-${process}`,
    }),
    sampler: samplerOf(options.sampler),
    spanLimits: { attributeValueLengthLimit: ATTRIBUTE_LENGTH_MAX, eventCountLimit: EVENTS_MAX },
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('beacon');
  return {
    isOn: true,
    span: ({ name, kind = 'internal', parent, startMs, attributes = {} }) => {
      const span = tracer.startSpan(
        name,
        {
          kind: KINDS[kind],
          attributes: definedOf(attributes),
          ...(startMs === undefined ? {} : { startTime: hrTimeOf(startMs) }),
        },
        contextOf(parent),
      );
      return span.isRecording() ? new RecordedSpan(span) : NO_SPAN;
    },
    stop: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_WITHIN_MS);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
      processor.giveUp();
    },
  };
}

class RecordedSpan implements Span {
  readonly traceparent: string;

  constructor(private readonly span: SdkSpan) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.traceparent = traceparentOf({ traceId, spanId, flags: traceFlags });
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes(definedOf(attributes));
  }

  event(name: string, attributes: SpanAttributes = {}): void {
    this.span.addEvent(name, definedOf(attributes));
  }

  end(error?: string): void {
    if (error !== undefined) {
      this.span.setAttribute(ATTR_ERROR_TYPE, error);
      this.span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.span.end();
  }
}

/**
 * Sends spans in batches, in the background. Where the collector is slow or away, spans wait up to a bound and are dropped
 * beyond it; whoever ends a span never waits.
 */
class BoundedProcessor implements SpanProcessor {
  private readonly batches: BatchSpanProcessor;
  private waiting = 0;
  private hasGivenUp = false;
  private loggedAtMs = -Infinity;

  constructor(
    exporter: SpanExporter,
    timeoutMs: number,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {
    const counting: SpanExporter = {
      export: (spans, done) => {
        if (this.hasGivenUp) {
          done({ code: FAILED });
          return;
        }
        exporter.export(spans, (result) => {
          this.waiting -= spans.length;
          this.noteSent(spans.length, result.error);
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    };
    this.batches = new BatchSpanProcessor(counting, {
      maxQueueSize: WAITING_MAX,
      maxExportBatchSize: BATCH_MAX,
      scheduledDelayMillis: BATCH_EVERY_MS,
      exportTimeoutMillis: timeoutMs,
    });
  }

  onStart(): void {
    // Only what has ended is of interest.
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.waiting >= WAITING_MAX) {
      this.metrics.count('beacon_trace_spans_total', { result: 'dropped' });
      return;
    }
    this.waiting += 1;
    this.batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.batches.shutdown();
  }

  /** What still waits is not sent any more. */
  giveUp(): void {
    this.hasGivenUp = true;
  }

  private noteSent(spans: number, error: Error | undefined): void {
    const result = error === undefined ? 'exported' : 'failed';
    this.metrics.count('beacon_trace_spans_total', { result }, spans);
    const nowMs = Date.now();
    if (error === undefined || nowMs - this.loggedAtMs < FAILURES_LOGGED_EVERY_MS) return;
    this.loggedAtMs = nowMs;
    // Not its message: that repeats what the collector answered, and may hold what was sent.
    const { code } = error as { code?: unknown };
    this.logger.warn(
      {
        event: 'tracing.not_exported',
        spans,
        reason: typeof code === 'string' || typeof code === 'number' ? code : error.name,
      },
      'the collector did not take spans; they are lost',
    );
  }
}

function samplerOf({ kind, ratio, parentBased }: SamplerOptions): Sampler {
  const root = rootSamplerOf(kind, ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSamplerOf(kind: SamplerOptions['kind'], ratio: number): Sampler {
  switch (kind) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
  }
}

function contextOf(parent: string | undefined): Context {
  const known = parseTraceparent(parent);
  if (known === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = known;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true });
}

/** In two parts: a plain number from before this process started would be taken for one of its own clock. */
function hrTimeOf(unixMs: number): HrTime {
  const seconds = Math.floor(unixMs / 1000);
  return [seconds, Math.round((unixMs - seconds * 1000) * 1_000_000)];
}

function definedOf(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
