import { runKeyPrefix, type CallInFlight } from '#domain';
import type { Queryable } from '../../database.js';

/** The calls of a run that go on, whichever of its jobs they belong to. Slots are few however large the run is; a run's jobs are known by the keys they were made under. */
export async function readRunCalls(database: Queryable, runId: string): Promise<CallInFlight[]> {
  const { rows } = await database.query<CallInFlight & Record<string, unknown>>(
    `SELECT slots.endpoint_id AS "endpointId",
            greatest(0, extract(epoch FROM clock_timestamp() - slots.started_at) * 1000)::float8 AS "elapsedMs"
       FROM slots JOIN jobs ON jobs.id = slots.job_id
      WHERE slots.started_at IS NOT NULL AND starts_with(jobs.idempotency_key, $1)
        AND jobs.tenant = (SELECT tenant FROM runs WHERE id = $2)`,
    [runKeyPrefix(runId), runId],
  );
  return rows;
}

export interface OpenOfPart {
  readonly pairNo: number;
  /** From 0: the cells up to the first of the given questions. */
  readonly part: number;
  readonly open: number;
}

/** @param endsAfter numbers of the questions after which a part ends, ascending */
export async function countOpenByPart(
  database: Queryable,
  runId: string,
  endsAfter: readonly number[],
): Promise<OpenOfPart[]> {
  const { rows } = await database.query<OpenOfPart>(
    `SELECT pair_no AS "pairNo", width_bucket(question_no, $2::integer[]) AS part, count(*)::integer AS open
       FROM cells WHERE run_id = $1 AND state IN ('pending','submitted')
      GROUP BY pair_no, part`,
    [runId, endsAfter.map((question) => question + 1)],
  );
  return rows;
}
