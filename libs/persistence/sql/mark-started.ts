import type { Queryable } from '../database.js';
import { SLOT_LEASE_MS } from './admission.js';

export interface SignOfLife {
  readonly job_id: string;
  readonly epoch: number;
  readonly dispatcher_id: string;
  /** `null`: its call is not in flight. It is about to be made, or has ended with an outcome that is on its way. */
  readonly running_ms: number | null;
}

export interface StartedJob {
  readonly id: string;
  readonly attempt: number;
  readonly model: string;
  readonly region: string;
  readonly endpoint_id: string;
  /** From acceptance to the start of the first call; `null` for later attempts. */
  readonly waited_ms: number | null;
  /** From the ticket's issue to the start of the call. */
  readonly dispatch_ms: number;
}

/**
 * Extends the leases of tickets that are worked on and moves jobs whose call has begun from `dispatched` to `processing`.
 * Times are the database's: the dispatcher only says how long ago.
 *
 * Each job is locked before its slot, as by whoever issues its ticket again or takes it back: they would wait for one
 * another. What is locked is read rather than inlined, and no slot is changed that was not joined to it.
 * @returns jobs that changed state
 */
export async function markStarted(database: Queryable, signs: readonly SignOfLife[]): Promise<StartedJob[]> {
  const { rows } = await database.query<StartedJob & Record<string, unknown>>(
    `WITH signs AS (
            SELECT DISTINCT ON (job_id) job_id, epoch, dispatcher_id,
                   clock_timestamp() - make_interval(secs => running_ms / 1000.0) AS began
              FROM jsonb_to_recordset($1::jsonb) AS s (job_id uuid, epoch integer, dispatcher_id text, running_ms float8)
             ORDER BY job_id, epoch DESC, running_ms DESC NULLS LAST
          ), locked AS (
            SELECT id, state, started_at FROM jobs WHERE id IN (SELECT job_id FROM signs) ORDER BY id FOR NO KEY UPDATE
          ), held AS (
            UPDATE slots
               SET left_at = CASE WHEN slots.holder IS DISTINCT FROM signs.dispatcher_id
                                  THEN coalesce(slots.seen_at, slots.left_at) ELSE slots.left_at END,
                   seen_at = clock_timestamp(),
                   holder = signs.dispatcher_id, started_at = coalesce(slots.started_at, signs.began),
                   lease_until = clock_timestamp() + make_interval(secs => $2 / 1000.0),
                   trial_until = CASE WHEN slots.trial_until IS NOT NULL
                                      THEN clock_timestamp() + make_interval(secs => $2 / 1000.0) END
              FROM signs JOIN locked ON locked.id = signs.job_id
             WHERE slots.job_id = signs.job_id AND slots.epoch = signs.epoch
               AND (signs.began IS NOT NULL OR slots.holder IS NULL OR slots.holder = signs.dispatcher_id)
         RETURNING slots.job_id, slots.epoch, slots.attempt, slots.endpoint_id, slots.region, slots.leased_at, signs.began
          ), before AS (
            SELECT id, started_at FROM locked WHERE state = 'dispatched'
          ), started AS (
            UPDATE jobs
               SET state = 'processing', started_at = coalesce(jobs.started_at, held.began)
              FROM held
             WHERE jobs.id = held.job_id AND jobs.epoch = held.epoch AND jobs.state = 'dispatched' AND held.began IS NOT NULL
         RETURNING jobs.id, jobs.model, jobs.created_at, held.attempt, held.region, held.endpoint_id, held.began, held.leased_at
          ), attempted AS (
            UPDATE attempts SET status = 'running', started_at = started.began
              FROM started WHERE attempts.job_id = started.id AND attempts.attempt = started.attempt
          )
     SELECT started.id, started.attempt, started.model, started.region, started.endpoint_id,
            CASE WHEN before.started_at IS NULL
                 THEN (extract(epoch FROM started.began - started.created_at) * 1000)::float8 END AS waited_ms,
            (extract(epoch FROM started.began - started.leased_at) * 1000)::float8 AS dispatch_ms
       FROM started JOIN before USING (id)`,
    [JSON.stringify(signs), SLOT_LEASE_MS],
  );
  return rows;
}
