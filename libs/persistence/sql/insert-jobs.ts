import type { Priority, RegionPolicy } from '#domain';
import type { Queryable } from '../database.js';

export interface NewJob {
  readonly id: string;
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
    `INSERT INTO jobs (id, state, model, home_region, preferred_region, region_policy, priority, lane, order_key,
                       max_attempts, timeout_ms, deadline, request, metadata, webhook_url, idempotency_key,
                       request_hash)
     SELECT id, 'queued', model, home_region, preferred_region, region_policy, priority, lane, order_key,
            max_attempts, timeout_ms, deadline, request, metadata, webhook_url, idempotency_key, decode(request_hash, 'hex')
       FROM jsonb_to_recordset($1::jsonb) AS job (
              id uuid, model text, home_region text, preferred_region text, region_policy text, priority text,
              lane text, order_key bigint, max_attempts integer, timeout_ms integer, deadline timestamptz,
              request jsonb, metadata jsonb, webhook_url text, idempotency_key text, request_hash text)
     ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
     RETURNING id`,
    [JSON.stringify(jobs)],
  );
  return new Set(rows.map(({ id }) => id));
}

/** @returns the job that holds each of these idempotency keys, with the hash of the body it came with */
export async function findJobsByIdempotencyKey(
  database: Queryable,
  keys: readonly string[],
): Promise<Map<string, { jobId: string; requestHash: string }>> {
  const { rows } = await database.query<{ idempotency_key: string; id: string; request_hash: string }>(
    `SELECT idempotency_key, id, encode(request_hash, 'hex') AS request_hash
       FROM jobs WHERE idempotency_key = ANY ($1::text[])`,
    [keys],
  );
  return new Map(rows.map((row) => [row.idempotency_key, { jobId: row.id, requestHash: row.request_hash }]));
}
