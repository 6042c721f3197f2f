import type { Metrics } from '#observability';
import type { DeadLetterTally } from '#persistence';

/** Read from rows when Prometheus asks, so that they are right after a restart too. */
export function setDeadLetterGauges(metrics: Metrics, tallies: readonly DeadLetterTally[]): void {
  metrics.reset('beacon_dead_letters');
  metrics.reset('beacon_dead_letters_poison');
  metrics.reset('beacon_dead_letters_oldest_seconds');
  const poison = new Map<string, number>();
  const oldest = new Map<string, number>();
  for (const { region, code, letters, poison: poisonous, oldestS } of tallies) {
    metrics.set('beacon_dead_letters', { region, code }, letters);
    poison.set(region, (poison.get(region) ?? 0) + poisonous);
    oldest.set(region, Math.max(oldest.get(region) ?? 0, oldestS));
  }
  for (const [region, letters] of poison) metrics.set('beacon_dead_letters_poison', { region }, letters);
  for (const [region, seconds] of oldest)
    metrics.set('beacon_dead_letters_oldest_seconds', { region }, seconds);
}
