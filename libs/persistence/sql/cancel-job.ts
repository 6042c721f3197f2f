import type { JobState } from '#domain';
import type { Queryable } from '../database.js';

export interface CancelledJob {
  /** State before; `undefined` result: there is no such job. */
  readonly from: JobState;
  readonly to: JobState;
  readonly attempt: number;
  readonly epoch: number;
  readonly home_region: string;
  /** Where its ticket is; `null`: it has none. */
  readonly endpoint_id: string | null;
  readonly region: string | null;
}

/**
 * Cancels a waiting job at once; a job whose ticket is out becomes `cancelling` until its call is known to be
 * over. A finished job stays as it is.
 * @param client a transaction
 */
export async function cancelJob(client: Queryable, jobId: string): Promise<CancelledJob | undefined> {
  // By a statement of its own (decision 0029): the next one sees the ticket that the job was given while this one waited.
  await client.query(`SELECT FROM jobs WHERE id = $1 FOR UPDATE`, [jobId]);
  const { rows } = await client.query<CancelledJob & Record<string, unknown>>(
    `WITH before AS (
            SELECT id, state FROM jobs WHERE id = $1
          ), changed AS (
            UPDATE jobs
               SET state = CASE WHEN before.state IN ('queued', 'retrying') THEN 'cancelled' ELSE 'cancelling' END,
                   completed_at = CASE WHEN before.state IN ('queued', 'retrying') THEN clock_timestamp() END
              FROM before
             WHERE jobs.id = before.id AND before.state IN ('queued', 'retrying', 'dispatched', 'processing')
         RETURNING jobs.id, jobs.state
          )
     SELECT before.state AS "from", coalesce(changed.state, before.state) AS "to", jobs.attempt, jobs.epoch,
            jobs.home_region, slots.endpoint_id, slots.region
       FROM before
       JOIN jobs USING (id)
       LEFT JOIN changed USING (id)
       LEFT JOIN slots ON slots.job_id = before.id`,
    [jobId],
  );
  return rows[0];
}

/** Counts jobs that ended outside a settlement. */
export async function addToTotals(
  database: Queryable,
  region: string,
  ended: { readonly cancelled?: number; readonly expired?: number; readonly failed?: number },
): Promise<void> {
  await database.query(
    `INSERT INTO region_totals (region, cancelled, expired, failed) VALUES ($1, $2, $3, $4)
     ON CONFLICT (region) DO UPDATE
        SET cancelled = region_totals.cancelled + excluded.cancelled,
            expired = region_totals.expired + excluded.expired,
            failed = region_totals.failed + excluded.failed`,
    [region, ended.cancelled ?? 0, ended.expired ?? 0, ended.failed ?? 0],
  );
}
