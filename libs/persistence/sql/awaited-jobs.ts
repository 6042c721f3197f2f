import type { Candidate, LaneDemand } from '#domain';
import type { Queryable } from '../database.js';

/**
 * Of the jobs that a caller waits for, the first of each lane: in direct mode they go before all others, retries
 * included. A partial index of its own, so that a long queue of others is not read.
 */
export async function readAwaitedCandidates(
  database: Queryable,
  demands: readonly LaneDemand[],
): Promise<Candidate[]> {
  const { rows } = await database.query<{
    id: string;
    tenant: string;
    lane: string;
    model: string;
    is_retry: boolean;
    order_key: string;
    avoid_regions: string[];
  }>(
    `SELECT job.id, job.tenant, job.lane, job.model, job.is_retry, job.order_key, job.avoid_regions
       FROM jsonb_to_recordset($1::jsonb) AS demand (lane text, model text, region text, "servingRegions" text[], "limit" integer)
      CROSS JOIN LATERAL (
              SELECT id, tenant, lane, model, is_retry, order_key, avoid_regions
                FROM jobs
               WHERE awaited AND state IN ('queued', 'retrying')
                 AND lane = demand.lane AND model = demand.model
                 AND not_before <= clock_timestamp()
                 AND (NOT demand.region = ANY (avoid_regions) OR demand."servingRegions" <@ avoid_regions)
               ORDER BY is_retry DESC, order_key, id
               LIMIT demand."limit"
                 FOR UPDATE SKIP LOCKED
            ) AS job`,
    [JSON.stringify(demands)],
  );
  return rows.map((row) => ({
    jobId: row.id,
    tenant: row.tenant,
    lane: row.lane,
    model: row.model,
    isRetry: row.is_retry,
    isDirect: true,
    orderKey: Number(row.order_key),
    avoidRegions: row.avoid_regions,
  }));
}
