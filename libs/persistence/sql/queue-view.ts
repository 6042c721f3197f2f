import type { JobState, Priority } from '#domain';
import type { Queryable } from '../database.js';

/** Open jobs by region, model and state. */
export interface QueueCount {
  readonly region: string;
  readonly model: string;
  readonly state: JobState;
  readonly is_retry: boolean;
  readonly lane: string;
  readonly priority: Priority;
  readonly jobs: number;
  /** Unix ms of the oldest one's acceptance. */
  readonly oldest_ms: number;
}

/** One pass over the open jobs; its cost grows with the backlog, so callers share one result. */
export async function countOpenJobs(database: Queryable): Promise<QueueCount[]> {
  const { rows } = await database.query<QueueCount & Record<string, unknown>>(
    `SELECT home_region AS region, model, state, is_retry, lane, priority, count(*)::integer AS jobs,
            (extract(epoch FROM min(created_at)) * 1000)::float8 AS oldest_ms
       FROM jobs
      WHERE state IN ('queued', 'retrying', 'dispatched', 'processing', 'cancelling')
      GROUP BY home_region, model, state, is_retry, lane, priority`,
  );
  return rows;
}

export interface RegionTotals {
  readonly region: string;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
}

export async function readRegionTotals(database: Queryable): Promise<RegionTotals[]> {
  const { rows } = await database.query<RegionTotals & Record<string, unknown>>(
    `SELECT region, completed::float8 AS completed, failed::float8 AS failed, cancelled::float8 AS cancelled,
            expired::float8 AS expired FROM region_totals`,
  );
  return rows;
}

/** How many waiting jobs of its lane and model go before this one, at the moment of reading. Index ranges only. */
export async function countJobsAhead(database: Queryable, jobId: string): Promise<number> {
  const { rows } = await database.query<{ ahead: number }>(
    `SELECT ((SELECT count(*) FROM jobs AS other
               WHERE other.state IN ('queued', 'retrying') AND other.lane = job.lane AND other.model = job.model
                 AND other.is_retry = job.is_retry AND (other.order_key, other.id) < (job.order_key, job.id))
           + (SELECT count(*) FROM jobs AS other
               WHERE NOT job.is_retry AND other.state IN ('queued', 'retrying')
                 AND other.lane = job.lane AND other.model = job.model AND other.is_retry))::integer AS ahead
       FROM jobs AS job WHERE job.id = $1`,
    [jobId],
  );
  return rows[0]?.ahead ?? 0;
}
