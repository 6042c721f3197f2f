import type { JobState, Priority } from '#domain';
import type { Queryable } from '../database.js';

/** Open jobs by region, model, state and tenant. */
export interface QueueCount {
  readonly region: string;
  readonly model: string;
  readonly state: JobState;
  readonly is_retry: boolean;
  readonly lane: string;
  readonly priority: Priority;
  readonly tenant: string;
  readonly jobs: number;
  /** Unix ms of the oldest one's acceptance. */
  readonly oldest_ms: number;
}

/** One pass over the open jobs; its cost grows with the backlog, so callers share one result. */
export async function countOpenJobs(database: Queryable): Promise<QueueCount[]> {
  const { rows } = await database.query<QueueCount & Record<string, unknown>>(
    `SELECT home_region AS region, model, state, is_retry, lane, priority, tenant, count(*)::integer AS jobs,
            (extract(epoch FROM min(created_at)) * 1000)::float8 AS oldest_ms
       FROM jobs
      WHERE state IN ('queued', 'retrying', 'dispatched', 'processing', 'cancelling')
      GROUP BY home_region, model, state, is_retry, lane, priority, tenant`,
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

/** Waiting jobs of one tenant in a lane and model. */
export interface TenantBacklog {
  readonly tenant: string;
  readonly waiting: number;
}

export interface JobsAhead {
  /** Of its own tenant, that go before it. */
  readonly own: number;
  /** Of each other tenant, counted up to one more than that: none of them takes more turns than that before it. */
  readonly others: readonly TenantBacklog[];
}

/** What waits in a job's lane and model beside it, at the moment of reading. Index ranges only. */
export async function countJobsAhead(database: Queryable, jobId: string): Promise<JobsAhead> {
  const { rows } = await database.query<{ own: number; tenant: string | null; waiting: number }>(
    `WITH RECURSIVE job AS (
            SELECT lane, model, tenant, is_retry, order_key, id FROM jobs WHERE id = $1
          ), before AS (
            SELECT (SELECT count(*) FROM jobs AS other
                     WHERE other.state IN ('queued', 'retrying') AND other.lane = job.lane AND other.model = job.model
                       AND other.tenant = job.tenant
                       AND other.is_retry = job.is_retry AND (other.order_key, other.id) < (job.order_key, job.id))
                 + (SELECT count(*) FROM jobs AS other
                     WHERE NOT job.is_retry AND other.state IN ('queued', 'retrying')
                       AND other.lane = job.lane AND other.model = job.model AND other.tenant = job.tenant
                       AND other.is_retry) AS own
              FROM job
          ), tenants (tenant) AS (
            SELECT (SELECT other.tenant FROM jobs AS other, job
                     WHERE other.state IN ('queued', 'retrying') AND other.lane = job.lane AND other.model = job.model
                     ORDER BY other.tenant LIMIT 1)
             UNION ALL
            SELECT (SELECT other.tenant FROM jobs AS other, job
                     WHERE other.state IN ('queued', 'retrying') AND other.lane = job.lane AND other.model = job.model
                       AND other.tenant > tenants.tenant
                     ORDER BY other.tenant LIMIT 1)
              FROM tenants WHERE tenants.tenant IS NOT NULL
          )
     SELECT before.own::integer AS own, tenants.tenant, coalesce(backlog.waiting, 0)::integer AS waiting
       FROM job CROSS JOIN before
       LEFT JOIN tenants ON tenants.tenant <> job.tenant
       LEFT JOIN LATERAL (
              SELECT count(*) AS waiting
                FROM (SELECT FROM jobs AS other
                       WHERE other.state IN ('queued', 'retrying') AND other.lane = job.lane
                         AND other.model = job.model AND other.tenant = tenants.tenant
                       LIMIT before.own + 1) AS turns
            ) AS backlog ON true`,
    [jobId],
  );
  return {
    own: rows[0]?.own ?? 0,
    others: rows.flatMap(({ tenant, waiting }) => (tenant === null ? [] : [{ tenant, waiting }])),
  };
}
