import type { JobState } from '#domain';
import type { Queryable } from '../database.js';
import { SLOT_LEASE_MS, type AdmittedJob } from './admission.js';
import { isHeldByOther } from './held-tickets.js';

/** A slot whose holder, or whose ticket, gave no sign of life until its lease ran out. */
export interface SilentSlot {
  readonly job_id: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly endpoint_id: string;
  readonly region: string;
  readonly job_state: JobState;
  /** Whether a dispatcher has begun the call. */
  readonly started: boolean;
  /** Milliseconds since the call began, or since the slot was leased. */
  readonly age_ms: number;
  readonly timeout_ms: number;
}

export async function findSilentSlots(database: Queryable, limit: number): Promise<SilentSlot[]> {
  const { rows } = await database.query<SilentSlot & Record<string, unknown>>(
    `SELECT slots.job_id, slots.attempt, slots.epoch, slots.endpoint_id, slots.region, jobs.state AS job_state,
            slots.started_at IS NOT NULL AS started,
            (extract(epoch FROM clock_timestamp() - coalesce(slots.started_at, slots.leased_at)) * 1000)::float8 AS age_ms,
            jobs.timeout_ms
       FROM slots JOIN jobs ON jobs.id = slots.job_id
      WHERE slots.lease_until < clock_timestamp()
      ORDER BY slots.lease_until
      LIMIT $1`,
    [limit],
  );
  return rows;
}

/** The ticket was found waiting in its stream. */
export async function extendSlot(database: Queryable, jobId: string, epoch: number): Promise<void> {
  await database.query(
    `UPDATE slots SET lease_until = clock_timestamp() + make_interval(secs => $3 / 1000.0)
      WHERE job_id = $1 AND epoch = $2`,
    [jobId, epoch, SLOT_LEASE_MS],
  );
}

/**
 * Issues a lost ticket again: the same attempt on the same endpoint with a new epoch, which fences off whoever
 * may still hold the old one. Zero rows: it has come back to life in the meantime.
 */
export async function reissueTicket(
  database: Queryable,
  jobId: string,
  epoch: number,
): Promise<AdmittedJob | undefined> {
  const { rows } = await database.query<AdmittedJob & Record<string, unknown>>(
    `WITH job AS (
            -- The job first, as everywhere: a cancellation in between leaves both as they are.
            SELECT id FROM jobs WHERE id = $1 AND epoch = $2 AND state IN ('dispatched', 'processing') FOR UPDATE
          ), slot AS (
            UPDATE slots
               SET epoch = slots.epoch + 1, first_began_at = coalesce(slots.first_began_at, slots.started_at),
                   left_at = coalesce(slots.seen_at, slots.left_at), seen_at = NULL, holder = NULL, started_at = NULL, leased_at = clock_timestamp(),
                   lease_until = clock_timestamp() + make_interval(secs => $3 / 1000.0)
              FROM job
             WHERE slots.job_id = job.id AND slots.epoch = $2 AND lease_until < clock_timestamp()
         RETURNING slots.job_id, slots.endpoint_id, slots.region, slots.epoch
          ), attempted AS (
            UPDATE attempts SET epoch = slot.epoch, status = 'dispatched', started_at = NULL
              FROM slot, jobs
             WHERE jobs.id = slot.job_id AND attempts.job_id = slot.job_id AND attempts.attempt = jobs.attempt
          )
     UPDATE jobs SET epoch = slot.epoch, state = 'dispatched'
       FROM slot
      WHERE jobs.id = slot.job_id
  RETURNING jobs.id, jobs.attempt, jobs.epoch, jobs.model, jobs.timeout_ms, jobs.request, jobs.is_retry,
            slot.endpoint_id, slot.region, true AS staged, jobs.traceparent, NULL::float8 AS waiting_since_ms`,
    [jobId, epoch, SLOT_LEASE_MS],
  );
  return rows[0];
}

/**
 * Takes back a ticket that was never started: the job waits again and the attempt does not count.
 * @param whose `nobody`: nothing was heard of it; one whose holder was told to begin in the meantime stays where it is.
 *   Otherwise the dispatcher that gave it up, which may have been given it beside the one that has it (null: it does not say
 *   who it is)
 */
export async function returnTicket(
  database: Queryable,
  jobId: string,
  epoch: number,
  whose: 'nobody' | { readonly givenBackBy: string | null },
): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH job AS (
            SELECT id FROM jobs WHERE id = $1 AND epoch = $2 AND state = 'dispatched' FOR UPDATE
          ), slot AS (
            DELETE FROM slots USING job
             WHERE slots.job_id = job.id AND slots.epoch = $2 AND started_at IS NULL
               AND CASE WHEN $3::boolean THEN lease_until < clock_timestamp() ELSE $4::text IS NULL OR NOT ${isHeldByOther('$4')} END
         RETURNING slots.job_id, slots.attempt
          ), attempted AS (
            DELETE FROM attempts USING slot WHERE attempts.job_id = slot.job_id AND attempts.attempt = slot.attempt
          ), untaken AS (
            -- The next ticket has the same number: whoever took this one has not failed it.
            DELETE FROM ticket_takers AS taker USING slot
             WHERE taker.job_id = slot.job_id AND taker.attempt = slot.attempt
          )
     UPDATE jobs SET state = 'queued', attempt = jobs.attempt - 1
       FROM slot WHERE jobs.id = slot.job_id`,
    [jobId, epoch, whose === 'nobody', whose === 'nobody' ? null : whose.givenBackBy],
  );
  return (rowCount ?? 0) > 0;
}

/**
 * Ends a cancellation whose call nobody reports on. The slot stays: the call may still be running upstream, and the
 * limit must not be exceeded by whoever would get its place.
 * @returns the region it is counted in, or `undefined` where the job has ended meanwhile
 */
export async function finishCancelling(database: Queryable, jobId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ home_region: string }>(
    `UPDATE jobs SET state = 'cancelled', completed_at = clock_timestamp()
      WHERE id = $1 AND state = 'cancelling' RETURNING home_region`,
    [jobId],
  );
  return rows[0]?.home_region;
}

/** Gives up a slot whose job has ended without it: no ticket and no call are left. */
export async function dropSlot(database: Queryable, jobId: string, epoch: number): Promise<void> {
  await database.query(
    `WITH slot AS (DELETE FROM slots WHERE job_id = $1 AND epoch = $2 RETURNING job_id, attempt)
     UPDATE attempts SET status = 'cancelled', finished_at = clock_timestamp()
       FROM slot
      WHERE attempts.job_id = slot.job_id AND attempts.attempt = slot.attempt AND attempts.status IN ('dispatched', 'running')`,
    [jobId, epoch],
  );
}

export interface ExpiredJob {
  readonly id: string;
  readonly from: JobState;
  readonly attempt: number;
  readonly epoch: number;
  readonly home_region: string;
  readonly endpoint_id: string | null;
  readonly region: string | null;
}

/**
 * Ends jobs whose own deadline has passed. A call that is running is cancelled by the caller of this.
 *
 * Slots are read by the next statement (decision 0029): the first would miss the one that a job was given while it waited.
 * @param client a transaction
 */
export async function expireJobs(client: Queryable, limit: number): Promise<ExpiredJob[]> {
  const { rows: expired } = await client.query<Omit<ExpiredJob, 'endpoint_id' | 'region'>>(
    `WITH due AS (
            SELECT id, state FROM jobs
             WHERE deadline < clock_timestamp() AND state IN ('queued', 'retrying', 'dispatched', 'processing')
             ORDER BY deadline LIMIT $1 FOR UPDATE SKIP LOCKED
          )
     UPDATE jobs SET state = 'expired', error_code = 'DEADLINE_EXCEEDED',
                     error_detail = 'the deadline passed before an answer', completed_at = clock_timestamp()
       FROM due WHERE jobs.id = due.id
  RETURNING jobs.id, due.state AS "from", jobs.attempt, jobs.epoch, jobs.home_region`,
    [limit],
  );
  if (expired.length === 0) return [];
  const { rows: slots } = await client.query<{ job_id: string; endpoint_id: string; region: string }>(
    `SELECT job_id, endpoint_id, region FROM slots WHERE job_id = ANY ($1::uuid[])`,
    [expired.map(({ id }) => id)],
  );
  const slotOf = new Map(slots.map((slot) => [slot.job_id, slot]));
  return expired.map((job) => {
    const { endpoint_id = null, region = null } = slotOf.get(job.id) ?? {};
    return { ...job, endpoint_id, region };
  });
}

export interface OverdueCancellation {
  readonly job_id: string;
  readonly epoch: number;
  readonly region: string;
  readonly endpoint_id: string;
  /** Whether a dispatcher has begun the call. */
  readonly started: boolean;
}

/** Calls that should be ending: their jobs are being cancelled, or ended by their deadline. */
export async function findCallsToCancel(database: Queryable, limit: number): Promise<OverdueCancellation[]> {
  const { rows } = await database.query<OverdueCancellation & Record<string, unknown>>(
    `SELECT slots.job_id, slots.epoch, slots.region, slots.endpoint_id, slots.started_at IS NOT NULL AS started
       FROM slots JOIN jobs ON jobs.id = slots.job_id
      WHERE jobs.state IN ('cancelling', 'expired', 'cancelled')
      LIMIT $1`,
    [limit],
  );
  return rows;
}

/**
 * Whether a ticket is still to be worked on, and whether its call may begin: among the endpoint's slots it must be
 * one of the `concurrency` oldest. Every younger one waits for a call to end. `superseded`: the same attempt has a newer ticket.
 */
export async function checkTicket(
  database: Queryable,
  {
    jobId,
    attempt,
    epoch,
  }: { readonly jobId: string; readonly attempt: number | undefined; readonly epoch: number },
  concurrencyOf: (endpointId: string) => number,
): Promise<{ wanted: boolean; ended: boolean; mayBegin: boolean; superseded: boolean }> {
  const { rows } = await database.query<{ endpoint_id: string; wanted: boolean; older: number }>(
    `SELECT slots.endpoint_id, jobs.state IN ('dispatched', 'processing') AS wanted,
            CASE WHEN slots.started_at IS NOT NULL THEN 0 ELSE
              (SELECT count(*)::integer FROM slots AS other
                WHERE other.endpoint_id = slots.endpoint_id AND other.job_id <> slots.job_id
                  AND (other.started_at IS NOT NULL
                       OR (other.staged, other.leased_at, other.job_id) < (slots.staged, slots.leased_at, slots.job_id)))
            END AS older
       FROM slots JOIN jobs ON jobs.id = slots.job_id
      WHERE slots.job_id = $1 AND slots.epoch = $2`,
    [jobId, epoch],
  );
  const [slot] = rows;
  if (slot === undefined) {
    const { rowCount } = await database.query(
      'SELECT FROM slots WHERE job_id = $1 AND attempt = $2 AND epoch > $3',
      [jobId, attempt ?? null, epoch],
    );
    return { wanted: false, ended: false, mayBegin: false, superseded: (rowCount ?? 0) > 0 };
  }
  const { wanted, older } = slot;
  return { wanted, ended: !wanted, superseded: false, mayBegin: older < concurrencyOf(slot.endpoint_id) };
}
