export { createLogger, type Logger } from './logger.js';
export { METRICS, Metrics, type MetricName } from './metrics.js';
export {
  EXIT_FAULT,
  announceReady,
  exitAtFault,
  superviseSelf,
  type ReadyMessage,
} from './process-lifecycle.js';
export { type SamplerOptions, type TracingOptions } from './tracing/options.js';
export { spanIdsOf } from './tracing/span-ids.js';
export { startTracing } from './tracing/start-tracing.js';
export { NO_SPAN, NO_TRACING, type Span, type SpanAttributes, type Tracing } from './tracing/tracing.js';
