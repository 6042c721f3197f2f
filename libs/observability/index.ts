export { createLogger, type Logger } from './logger.js';
export { EXIT_FAULT, announceReady, superviseSelf, type ReadyMessage } from './process-lifecycle.js';
