import type { Assignment, Candidate, EndpointRecord, LaneDemand } from '#domain';
import type { Queryable } from '../database.js';
import { recordOf, type EndpointStateRow } from './endpoint-states.js';

/** A slot without a sign of life for this long is looked into by the reconciler. */
export const SLOT_LEASE_MS = 5000;

/** A column that is `-infinity` where nothing ever happened, which the domain calls 0. */
function unixMs(column: string): string {
  return `CASE WHEN ${column} = '-infinity' THEN 0
                 ELSE (extract(epoch FROM ${column}) * 1000)::float8 END AS ${column}_ms`;
}

/** Leased slots and remembered state of every endpoint. */
export async function readEndpoints(
  database: Queryable,
  endpointIds: readonly string[],
): Promise<Map<string, { record: EndpointRecord; leases: number }>> {
  const { rows } = await database.query<EndpointStateRow & { leases: number }>(
    `SELECT endpoint_warmth.ceiling_ms AS told_window_ms,
            endpoint_id, breaker, consecutive_failures, opens, last_error_code,
            (extract(epoch FROM open_until) * 1000)::float8 AS open_until_ms,
            ${unixMs('warm_until')}, ${unixMs('gpu_until')}, ${unixMs('gpu_since')}, ${unixMs('idle_since')},
            ${unixMs('releasing_until')}, ${unixMs('turn_ended_at')}, release_ms,
            (SELECT count(*)::integer FROM slots WHERE slots.endpoint_id = wanted.endpoint_id) AS leases
       FROM unnest($1::text[]) AS wanted (endpoint_id)
       LEFT JOIN endpoint_states USING (endpoint_id)
       LEFT JOIN endpoint_warmth USING (endpoint_id)`,
    [endpointIds],
  );
  return new Map(rows.map((row) => [row.endpoint_id, { record: recordOf(row), leases: row.leases }]));
}

/** The first jobs of each lane, in admission's order. One index range per lane and model. */
export async function readCandidates(
  database: Queryable,
  demands: readonly LaneDemand[],
): Promise<Candidate[]> {
  const { rows } = await database.query<{
    id: string;
    lane: string;
    model: string;
    is_retry: boolean;
    order_key: string;
    avoid_regions: string[];
  }>(
    `SELECT job.id, job.lane, job.model, job.is_retry, job.order_key, job.avoid_regions
       FROM jsonb_to_recordset($1::jsonb) AS demand (lane text, model text, region text, "servingRegions" text[], "limit" integer)
      CROSS JOIN LATERAL (
              SELECT id, lane, model, is_retry, order_key, avoid_regions
                FROM jobs
               WHERE state IN ('queued', 'retrying')
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
    lane: row.lane,
    model: row.model,
    isRetry: row.is_retry,
    orderKey: Number(row.order_key),
    avoidRegions: row.avoid_regions,
  }));
}

/** A job with a fresh ticket, as the ticket and the event need it. */
export interface AdmittedJob {
  readonly id: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly model: string;
  readonly timeout_ms: number;
  readonly request: unknown;
  readonly endpoint_id: string;
  readonly region: string;
  readonly is_retry: boolean;
  /** The ticket waits at the endpoint's door for a running call to end. */
  readonly staged: boolean;
}

/**
 * Gives jobs their tickets: state, attempt and epoch of the job, the attempt's row, and the slot, which is lease
 * and outbox in one.
 * @param defaultTimeoutMs of jobs that named no timeout: the one in force now, whatever it was when they came
 */
export async function admitJobs(
  database: Queryable,
  assignments: readonly Assignment[],
  defaultTimeoutMs: number,
): Promise<AdmittedJob[]> {
  const { rows } = await database.query<AdmittedJob & Record<string, unknown>>(
    `WITH assigned AS (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[])
                     AS a (job_id, endpoint_id, region, staged)
          ), admitted AS (
            UPDATE jobs
               SET state = 'dispatched', attempt = attempt + 1, epoch = epoch + 1,
                   timeout_ms = CASE WHEN default_timeout THEN $6 ELSE timeout_ms END
              FROM assigned
             WHERE jobs.id = assigned.job_id AND state IN ('queued', 'retrying')
         RETURNING jobs.id, jobs.attempt, jobs.epoch, jobs.model, jobs.timeout_ms, jobs.request, jobs.is_retry,
                   assigned.endpoint_id, assigned.region, assigned.staged
          ), new_attempts AS (
            INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status)
            SELECT id, attempt, epoch, endpoint_id, region, 'dispatched' FROM admitted
          ), new_slots AS (
            INSERT INTO slots (job_id, attempt, epoch, endpoint_id, region, staged, lease_until)
            SELECT id, attempt, epoch, endpoint_id, region, staged, clock_timestamp() + make_interval(secs => $5 / 1000.0)
              FROM admitted
          )
     SELECT * FROM admitted`,
    [
      assignments.map(({ jobId }) => jobId),
      assignments.map(({ endpointId }) => endpointId),
      assignments.map(({ region }) => region),
      assignments.map(({ staged }) => staged),
      SLOT_LEASE_MS,
      defaultTimeoutMs,
    ],
  );
  return rows;
}

/** @returns Unix ms at which the next waiting retry comes due, or `undefined` */
export async function nextRetryDueMs(database: Queryable): Promise<number | undefined> {
  const { rows } = await database.query<{ due_ms: number | null }>(
    `SELECT (extract(epoch FROM min(not_before)) * 1000)::float8 AS due_ms
       FROM jobs WHERE state = 'retrying' AND not_before > clock_timestamp()`,
  );
  return rows[0]?.due_ms ?? undefined;
}
