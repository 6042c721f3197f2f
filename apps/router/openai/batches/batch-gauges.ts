import type { Metrics } from '#observability';
import type { BatchTally } from '#persistence';

/** Read from rows when Prometheus asks, so that they are right after a restart too. */
export function setBatchGauges(metrics: Metrics, tallies: readonly BatchTally[]): void {
  metrics.reset('beacon_batches');
  metrics.reset('beacon_batches_oldest_seconds');
  for (const { status, batches, oldestS } of tallies) {
    metrics.set('beacon_batches', { status }, batches);
    metrics.set('beacon_batches_oldest_seconds', { status }, oldestS);
  }
}
