import type { LearnedSamples } from '#domain';
import type { Queryable } from '../../database.js';

/** Samples kept per region, model and temperature of the start. */
const SAMPLES_KEPT = 50;

/**
 * Adds start gaps, as a part of a statement: `given` has (region, model, cold, gap_ms), the latest ones last. Rows are
 * taken in their order, as other runs add to the same ones.
 */
export function addStartGaps(given: string): string {
  return `INSERT INTO start_gaps (region, model, cold, samples_ms)
          SELECT region, model, cold, (array_agg(gap_ms ORDER BY turn DESC))[1:${SAMPLES_KEPT}]
            FROM ${given} WITH ORDINALITY AS given (region, model, cold, gap_ms, turn)
           GROUP BY region, model, cold
           ORDER BY region, model, cold
              ON CONFLICT (region, model, cold) DO UPDATE
             SET samples_ms = (excluded.samples_ms || start_gaps.samples_ms)[1:${SAMPLES_KEPT}],
                 updated_at = clock_timestamp()`;
}

/** Newest sample first. */
export async function readStartGaps(client: Queryable): Promise<LearnedSamples[]> {
  const { rows } = await client.query<LearnedSamples & Record<string, unknown>>(
    'SELECT region, model, cold, samples_ms AS "samplesMs" FROM start_gaps',
  );
  return rows;
}
