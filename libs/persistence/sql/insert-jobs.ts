import type { Priority, RegionPolicy } from '#domain';
import type { Queryable } from '../database.js';

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
}

/**
 * Inserts a batch with one statement and so one commit. A job whose idempotency key is taken is left out.
 * @returns ids of the jobs that were inserted
 */
export async function insertJobs(database: Queryable, jobs: readonly NewJob[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>(
    `INSERT INTO jobs (id, tenant, key_id, run_id, task_type, task_id, owner_id, state, model, home_region, preferred_region, region_policy, priority, lane, order_key,
                       max_attempts, timeout_ms, deadline, request, metadata, webhook_url, idempotency_key,
                       request_hash, default_timeout, awaited)
     SELECT id, tenant, key_id, run_id, task_type, task_id, owner_id, 'queued', model, home_region, preferred_region, region_policy, priority, lane, order_key,
            max_attempts, timeout_ms, deadline, request, metadata, webhook_url, idempotency_key, decode(request_hash, 'hex'),
            default_timeout, awaited
       FROM jsonb_to_recordset($1::jsonb) AS job (
              id uuid, tenant text, key_id text, run_id uuid, task_type text, task_id text, owner_id text, model text, home_region text, preferred_region text, region_policy text, priority text,
              lane text, order_key bigint, max_attempts integer, timeout_ms integer, deadline timestamptz,
              request jsonb, metadata jsonb, webhook_url text, idempotency_key text, request_hash text,
              default_timeout boolean, awaited boolean)
     ON CONFLICT (idempotency_key, tenant) WHERE idempotency_key IS NOT NULL DO NOTHING
     RETURNING id`,
    [JSON.stringify(jobs)],
  );
  return new Set(rows.map(({ id }) => id));
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
