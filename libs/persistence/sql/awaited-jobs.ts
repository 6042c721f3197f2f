import type { Queryable } from '../database.js';

/** Notes that a caller waits for a job, or no longer does, as long as it has not ended. */
export async function setAwaited(database: Queryable, jobId: string, awaited: boolean): Promise<void> {
  await database.query(
    `UPDATE jobs SET awaited = $2
      WHERE id = $1 AND awaited <> $2 AND state IN ('queued', 'retrying', 'dispatched', 'processing')`,
    [jobId, awaited],
  );
}
