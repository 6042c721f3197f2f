import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import type { TracingOptions } from './options.js';
import { NO_TRACING, type Tracing } from './tracing.js';

/**
 * @param options undefined: off. Nothing of OpenTelemetry is loaded then.
 * @param process which one this is: `router`, `runner`, `dispatcher-US`
 */
export async function startTracing(
  options: TracingOptions | undefined,
  process: string,
  metrics: Metrics,
  logger: Logger,
): Promise<Tracing> {
  if (options === undefined) return NO_TRACING;
  const { openTelemetry } = await import('./open-telemetry.js');
  // Not its path: some have their key there.
  logger.info({ event: 'tracing.on', collector: new URL(options.url).origin }, 'traces are recorded');
  return openTelemetry(options, process, metrics, logger);
}
