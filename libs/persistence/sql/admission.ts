import type { Assignment, Candidate, EndpointRecord, LaneDemand, TenantShare } from '#domain';
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

/** Tenants whose jobs are looked at for one lane and model at once. Where more wait, those after them come next. */
export const TENANTS_PER_LOOK = 16;

/** Where the last look at a lane and model ended: the next one goes on from there. */
export type LookedUntil = ReadonlyMap<string, string>;

export interface Look {
  readonly candidates: readonly Candidate[];
  readonly until: LookedUntil;
}

/**
 * The first jobs of each waiting tenant in each lane, in admission's order. The tenants are found by skipping through
 * the index from one to the next, so that a look costs the same however many jobs any of them has waiting.
 */
export function readCandidates(
  database: Queryable,
  demands: readonly LaneDemand[],
  until: LookedUntil = new Map(),
): Promise<Look> {
  return look(database, demands, until, false);
}

/**
 * As `readCandidates`, of the jobs that a caller waits for: in direct mode they go before all others, retries
 * included. They have an index of their own, so that a long queue of others is not read.
 */
export function readAwaitedCandidates(
  database: Queryable,
  demands: readonly LaneDemand[],
  until: LookedUntil = new Map(),
): Promise<Look> {
  return look(database, demands, until, true);
}

async function look(
  database: Queryable,
  demands: readonly LaneDemand[],
  until: LookedUntil,
  isDirect: boolean,
): Promise<Look> {
  const among = `${isDirect ? 'awaited AND ' : ''}state IN ('queued', 'retrying')`;
  const nextTenant = (after: string): string => nextTenantAmong(among, after);
  const { rows } = await database.query<{
    turn: string;
    tenant: string;
    lane: string;
    model: string;
    id: string | null;
    is_retry: boolean;
    order_key: string;
    avoid_regions: string[];
  }>(
    `SELECT job.id, demand.lane, demand.model, waiting.turn, waiting.tenant, job.is_retry, job.order_key, job.avoid_regions
       FROM jsonb_to_recordset($1::jsonb) AS demand (
              lane text, model text, region text, "servingRegions" text[], "limit" integer, "after" text)
      CROSS JOIN LATERAL (
              WITH RECURSIVE tenants (tenant) AS (
                SELECT coalesce(${nextTenant('demand."after"')}, ${nextTenant("''")})
                -- Comes round to the first one, which is there already, and ends.
                 UNION
                SELECT coalesce(${nextTenant('tenants.tenant')}, ${nextTenant("''")})
                  FROM tenants WHERE tenants.tenant IS NOT NULL
              )
              SELECT tenant, row_number() OVER () AS turn
                FROM (SELECT tenant FROM tenants WHERE tenant IS NOT NULL LIMIT ${TENANTS_PER_LOOK}) AS looked_at
            ) AS waiting
       LEFT JOIN LATERAL (
              SELECT id, is_retry, order_key, avoid_regions
                FROM jobs
               WHERE ${among}
                 AND lane = demand.lane AND model = demand.model AND tenant = waiting.tenant
                 AND not_before <= clock_timestamp()
                 AND (NOT demand.region = ANY (avoid_regions) OR demand."servingRegions" <@ avoid_regions)
               ORDER BY is_retry DESC, order_key, id
               LIMIT demand."limit"
                 FOR UPDATE SKIP LOCKED
            ) AS job ON true`,
    [JSON.stringify(demands.map((demand) => ({ ...demand, after: until.get(placeOf(demand)) ?? '' })))],
  );
  const candidates: Candidate[] = [];
  const last = new Map<string, { turn: number; tenant: string }>();
  for (const row of rows) {
    const place = placeOf(row);
    const turn = Number(row.turn);
    if (turn > (last.get(place)?.turn ?? 0)) last.set(place, { turn, tenant: row.tenant });
    if (row.id === null) continue;
    candidates.push({
      jobId: row.id,
      tenant: row.tenant,
      lane: row.lane,
      model: row.model,
      isRetry: row.is_retry,
      ...(isDirect ? { isDirect } : {}),
      orderKey: Number(row.order_key),
      avoidRegions: row.avoid_regions,
    });
  }
  return {
    candidates,
    until: new Map([...until, ...[...last].map(([place, { tenant }]) => [place, tenant] as const)]),
  };
}

/** The first tenant after another that has jobs waiting in the demand's lane; NULL: none. */
function nextTenantAmong(among: string, after: string): string {
  return `(SELECT jobs.tenant FROM jobs
                          WHERE ${among} AND lane = demand.lane AND model = demand.model
                            AND jobs.tenant > ${after}
                          ORDER BY jobs.tenant LIMIT 1)`;
}

function placeOf({ lane, model }: Pick<LaneDemand, 'lane' | 'model'>): string {
  return `${lane} ${model}`;
}

/** What tenants have of every endpoint, and when each was last served there. */
export async function readTenantShares(
  database: Queryable,
  tenants: readonly string[],
): Promise<TenantShare[]> {
  const { rows } = await database.query<TenantShare & Record<string, unknown>>(
    `SELECT tenant, endpoint_id AS "endpointId", coalesce(in_flight, 0) AS "inFlight",
            coalesce(served_at_ms, 0) AS "servedAtMs"
       FROM (SELECT tenant, endpoint_id, count(*)::integer AS in_flight
               FROM slots WHERE tenant = ANY ($1::text[]) GROUP BY tenant, endpoint_id) AS held
       FULL JOIN (SELECT tenant, endpoint_id, (extract(epoch FROM served_at) * 1000)::float8 AS served_at_ms
               FROM tenant_turns WHERE tenant = ANY ($1::text[])) AS served USING (tenant, endpoint_id)`,
    [tenants],
  );
  return rows;
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
  /** Of the request that brought the job; null: no trace is recorded. */
  readonly traceparent: string | null;
  /** Unix ms since which it has waited for this ticket: its acceptance, or the end of the attempt before. For traces only. */
  readonly waiting_since_ms: number | null;
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
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY
                     AS a (job_id, endpoint_id, region, staged, turn)
          ), admitted AS (
            UPDATE jobs
               SET state = 'dispatched', attempt = attempt + 1, epoch = epoch + 1,
                   timeout_ms = CASE WHEN default_timeout THEN $6 ELSE timeout_ms END
              FROM assigned
             WHERE jobs.id = assigned.job_id AND state IN ('queued', 'retrying')
         RETURNING jobs.id, jobs.attempt, jobs.epoch, jobs.model, jobs.timeout_ms, jobs.request, jobs.is_retry,
                   jobs.tenant, jobs.traceparent, jobs.created_at, assigned.endpoint_id, assigned.region, assigned.staged, assigned.turn
          ), new_attempts AS (
            INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status)
            SELECT id, attempt, epoch, endpoint_id, region, 'dispatched' FROM admitted
          ), new_slots AS (
            INSERT INTO slots (job_id, attempt, epoch, endpoint_id, region, staged, tenant, lease_until)
            SELECT id, attempt, epoch, endpoint_id, region, staged, tenant,
                   clock_timestamp() + make_interval(secs => $5 / 1000.0)
              FROM admitted
          ), new_turns AS (
            -- Tickets of one statement have one time: microseconds tell their sequence.
            INSERT INTO tenant_turns (endpoint_id, tenant, served_at)
            SELECT endpoint_id, tenant, statement_timestamp() + make_interval(secs => max(turn) / 1000000.0)
              FROM admitted GROUP BY endpoint_id, tenant
                ON CONFLICT (endpoint_id, tenant) DO UPDATE SET served_at = excluded.served_at
          )
     SELECT id, attempt, epoch, model, timeout_ms, request, is_retry, endpoint_id, region, staged, traceparent,
            CASE WHEN traceparent IS NOT NULL
                 THEN (extract(epoch FROM coalesce((SELECT max(finished_at) FROM attempts WHERE attempts.job_id = admitted.id),
                                                   created_at)) * 1000)::float8 END AS waiting_since_ms
       FROM admitted`,
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
