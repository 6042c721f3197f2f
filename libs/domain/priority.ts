import type { Priority } from './job.js';

/** How long a waiting job of each class may be overtaken by new jobs of the highest. */
export interface AgeingPolicy {
  readonly normalMs: number;
  readonly lowMs: number;
}

/**
 * Ageing without a sweep: the order key is the creation time plus the class's allowance. A high job created now
 * goes before every normal job younger than `normalMs`, and after every older one, so nobody starves and the
 * queue stays one index.
 * @returns Unix ms, a whole number: the database keeps it as one
 */
export function orderKeyMs(createdAtMs: number, priority: Priority, ageing: AgeingPolicy): number {
  switch (priority) {
    case 'high':
      return createdAtMs;
    case 'normal':
      return createdAtMs + Math.round(ageing.normalMs);
    case 'low':
      return createdAtMs + Math.round(ageing.lowMs);
  }
}
