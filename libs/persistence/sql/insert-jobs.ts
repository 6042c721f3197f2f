import type { Priority, RegionPolicy } from '#domain';
import type { Queryable } from '../database.js';
import type { HeldBatch } from './batches/batches.js';

export interface NewJob {
  readonly id: string;
  readonly tenant: string;
  readonly key_id: string | null;
  readonly run_id: string | null;
  readonly task_type: string | null;
  /** The client's name for its task. */
  readonly task_id?: string | null;
  readonly owner_id?: string | null;
  readonly model: string;
  readonly home_region: string;
  readonly preferred_region: string | null;
  readonly region_policy: RegionPolicy;
  readonly priority: Priority;
  readonly lane: string;
  /** Unix ms. */
  readonly order_key: number;
  readonly max_attempts: number;
  readonly timeout_ms: number;
  /** The timeout was not asked for: a changed default holds for the job while it waits. */
  readonly default_timeout: boolean;
  /** A caller holds a connection open for the answer. */
  readonly awaited: boolean;
  /** RFC 3339. */
  readonly deadline: string | null;
  readonly request: unknown;
  readonly metadata: unknown;
  readonly webhook_url: string | null;
  readonly idempotency_key: string | null;
  /** Hex. */
  readonly request_hash: string | null;
  /** Of the request that brought it; null or left out: no trace is recorded. */
  readonly traceparent?: string | null;
  /** It is a line of this batch, and is made only while that is asked by whoever has its fence; left out: it is none. */
  readonly batch?: HeldBatch;
}

/**
 * Inserts jobs with one statement and so one commit. One whose idempotency key is taken is left out, and so is a line of a
 * batch that is not being asked any more, or by another router: nobody would wait for it, and it would be paid. What makes a
 * batch leave `in_progress` waits for an insert that has begun, and sees its jobs.
 * @returns ids of the jobs that were inserted
 */
export async function insertJobs(database: Queryable, jobs: readonly NewJob[]): Promise<Set<string>> {
  const batches = new Map(
    jobs.flatMap(({ batch }) => (batch === undefined ? [] : [[nameOf(batch), batch] as const])),
  );
  const held = [...batches.values()];
  const { rows } = await database.query<{ id: string }>(
    `WITH asking AS (
            SELECT id, fence FROM batches
             WHERE (id, fence) IN (SELECT * FROM unnest($2::uuid[], $3::integer[]))
               AND status = 'in_progress' AND expires_at > clock_timestamp()
             ORDER BY id FOR SHARE)
     INSERT INTO jobs (id, tenant, key_id, run_id, task_type, task_id, owner_id, state, model, home_region, preferred_region, region_policy, priority, lane, order_key,
                       max_attempts, timeout_ms, deadline, request, metadata, webhook_url, idempotency_key,
                       request_hash, default_timeout, awaited, traceparent)
     SELECT id, tenant, key_id, run_id, task_type, task_id, owner_id, 'queued', model, home_region, preferred_region, region_policy, priority, lane, order_key,
            max_attempts, timeout_ms, deadline, request, metadata, webhook_url, idempotency_key, decode(request_hash, 'hex'),
            default_timeout, awaited, traceparent
       FROM jsonb_to_recordset($1::jsonb) AS job (
              id uuid, tenant text, key_id text, run_id uuid, task_type text, task_id text, owner_id text, model text, home_region text, preferred_region text, region_policy text, priority text,
              lane text, order_key bigint, max_attempts integer, timeout_ms integer, deadline timestamptz,
              request jsonb, metadata jsonb, webhook_url text, idempotency_key text, request_hash text,
              default_timeout boolean, awaited boolean, traceparent text, batch jsonb)
      WHERE batch IS NULL
         OR ((batch->>'id')::uuid, (batch->>'fence')::integer) IN (SELECT id, fence FROM asking)
     ON CONFLICT (idempotency_key, tenant) WHERE idempotency_key IS NOT NULL DO NOTHING
     RETURNING id`,
    [JSON.stringify(jobs), held.map(({ id }) => id), held.map(({ fence }) => fence)],
  );
  return new Set(rows.map(({ id }) => id));
}

function nameOf({ id, fence }: HeldBatch): string {
  return `${id} ${fence}`;
}

/** An idempotency key means something within its tenant. */
export interface IdempotencyName {
  readonly tenant: string;
  readonly key: string;
}

export interface JobOfKey extends IdempotencyName {
  readonly jobId: string;
  /** Hex, of the body it came with. */
  readonly requestHash: string;
}

/** The jobs that hold these idempotency keys. */
export async function findJobsByIdempotencyKey(
  database: Queryable,
  names: readonly IdempotencyName[],
): Promise<JobOfKey[]> {
  const { rows } = await database.query<JobOfKey & Record<string, unknown>>(
    `SELECT tenant, idempotency_key AS key, id AS "jobId", encode(request_hash, 'hex') AS "requestHash"
       FROM jobs WHERE (idempotency_key, tenant) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [names.map(({ key }) => key), names.map(({ tenant }) => tenant)],
  );
  return rows;
}
