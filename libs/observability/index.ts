export { createLogger, type Logger } from './logger.js';
export { METRICS, Metrics, type MetricName } from './metrics.js';
export { EXIT_FAULT, announceReady, superviseSelf, type ReadyMessage } from './process-lifecycle.js';
