import type { LearnedSamples } from '#domain';
import type { Queryable } from '../database.js';

/** Samples kept per region, model and temperature of the start. */
const SAMPLES_KEPT = 50;

export interface ExecutionSample {
  readonly region: string;
  readonly model: string;
  readonly cold: boolean;
  readonly executionMs: number;
}

/** Adds what was measured; newest first, oldest dropped. */
export async function addExecutionTimes(
  database: Queryable,
  samples: readonly ExecutionSample[],
): Promise<void> {
  await database.query(
    `INSERT INTO execution_times (region, model, cold, samples_ms)
     SELECT region, model, cold, array_agg(execution_ms)
       FROM unnest($1::text[], $2::text[], $3::boolean[], $4::integer[]) AS s (region, model, cold, execution_ms)
      GROUP BY region, model, cold
     ON CONFLICT (region, model, cold) DO UPDATE
        SET samples_ms = (excluded.samples_ms || execution_times.samples_ms)[1:${SAMPLES_KEPT}],
            updated_at = clock_timestamp()`,
    [
      samples.map(({ region }) => region),
      samples.map(({ model }) => model),
      samples.map(({ cold }) => cold),
      samples.map(({ executionMs }) => Math.round(executionMs)),
    ],
  );
}

/** Newest sample first. */
export async function readExecutionTimes(database: Queryable): Promise<LearnedSamples[]> {
  const { rows } = await database.query<{
    region: string;
    model: string;
    cold: boolean;
    samples_ms: number[];
  }>('SELECT region, model, cold, samples_ms FROM execution_times');
  return rows.map(({ region, model, cold, samples_ms }) => ({ region, model, cold, samplesMs: samples_ms }));
}
