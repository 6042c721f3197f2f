import { LOCK_TRIALS } from '../advisory-locks.js';
import type { Queryable } from '../database.js';
import { SLOT_LEASE_MS } from './admission.js';

/** Who took a ticket longer ago has nothing to do with what happens to it now. */
const REMEMBERED = "interval '1 hour'";

export interface SuspectTicket {
  readonly region: string;
  /** Others who have worked on this attempt and no longer do. */
  readonly lost: number;
  readonly otherOnTrial: boolean;
}

/**
 * What speaks against a ticket that came back to `asker`. Until the transaction ends nobody else judges one of the region.
 * @returns undefined where the ticket is not the job's current one
 */
export async function readSuspect(
  client: Queryable,
  jobId: string,
  epoch: number,
  asker: string,
): Promise<SuspectTicket | undefined> {
  const { rows: locked } = await client.query<{ region: string }>(
    `SELECT region, pg_advisory_xact_lock(${LOCK_TRIALS}, hashtext(region))::text FROM slots
      WHERE job_id = $1 AND epoch = $2`,
    [jobId, epoch],
  );
  if (locked[0] === undefined) return undefined;
  // Whoever had the ticket first was not judged: it did not come back to anybody.
  await client.query(
    `INSERT INTO ticket_takers (job_id, attempt, dispatcher_id)
     SELECT job_id, attempt, holder FROM slots WHERE job_id = $1 AND epoch = $2 AND holder IS NOT NULL
         ON CONFLICT DO NOTHING`,
    [jobId, epoch],
  );
  const { rows } = await client.query<SuspectTicket & Record<string, unknown>>(
    `SELECT slots.region,
            -- Whoever took an earlier attempt has said how that one ended.
            (SELECT count(*)::integer FROM ticket_takers AS taker
              WHERE taker.job_id = slots.job_id AND taker.attempt = slots.attempt
                AND taker.dispatcher_id <> $3 AND taker.at > clock_timestamp() - ${REMEMBERED}) AS lost,
            EXISTS (SELECT FROM slots AS other
                     WHERE other.region = slots.region AND other.job_id <> slots.job_id
                       AND other.trial_until > clock_timestamp()) AS "otherOnTrial"
       FROM slots WHERE job_id = $1 AND epoch = $2`,
    [jobId, epoch, asker],
  );
  return rows[0];
}

/** The asker begins. @param alone no other suspect of the region may, while there are signs of life of this one */
export async function noteTaker(
  client: Queryable,
  jobId: string,
  epoch: number,
  asker: string,
  alone: boolean,
): Promise<void> {
  await client.query(
    `INSERT INTO ticket_takers (job_id, attempt, dispatcher_id)
     SELECT job_id, attempt, $3 FROM slots WHERE job_id = $1 AND epoch = $2 ON CONFLICT DO NOTHING`,
    [jobId, epoch, asker],
  );
  if (alone) {
    await client.query(
      `UPDATE slots SET trial_until = clock_timestamp() + make_interval(secs => $3 / 1000.0)
        WHERE job_id = $1 AND epoch = $2`,
      [jobId, epoch, SLOT_LEASE_MS],
    );
  }
}

/** What is needed to conclude an attempt whose payload kills its workers. */
export interface SuspectAttempt {
  readonly attempt: number;
  readonly endpointId: string;
  /** Milliseconds since its first call began, or since its slot was leased. */
  readonly ageMs: number;
}

export async function readSuspectAttempt(
  client: Queryable,
  jobId: string,
  epoch: number,
): Promise<SuspectAttempt | undefined> {
  const { rows } = await client.query<SuspectAttempt & Record<string, unknown>>(
    `SELECT attempt, endpoint_id AS "endpointId",
            (extract(epoch FROM clock_timestamp() - coalesce(started_at, leased_at)) * 1000)::float8 AS "ageMs"
       FROM slots WHERE job_id = $1 AND epoch = $2`,
    [jobId, epoch],
  );
  return rows[0];
}

/** Forgets who took tickets that nobody will ask about any more. */
export async function forgetTakers(database: Queryable): Promise<void> {
  await database.query(
    `DELETE FROM ticket_takers WHERE at < clock_timestamp() - ${REMEMBERED} - interval '1 day'`,
  );
}
