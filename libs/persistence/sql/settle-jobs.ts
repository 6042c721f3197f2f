import type { AttemptErrorCode, AttemptStatus, JobState, RegionPolicy } from '#domain';
import type { StoredResult } from '../entities/job.entity.js';
import type { Queryable } from '../database.js';

/** A job as the recorder needs it, locked until the transaction ends. */
export interface SettlingJob {
  readonly id: string;
  readonly state: JobState;
  readonly model: string;
  readonly home_region: string;
  readonly preferred_region: string | null;
  readonly region_policy: RegionPolicy;
  readonly attempt: number;
  readonly epoch: number;
  readonly max_attempts: number;
  readonly avoid_regions: string[];
  readonly created_at_ms: number;
  readonly started_at_ms: number | null;
  /** Epoch of the slot it holds; NULL: none, its outcome has been recorded. */
  readonly slot_epoch: number | null;
  /** Whether a call is known to have begun under this epoch; NULL without a slot. */
  readonly slot_started: boolean | null;
  /** null: no trace is recorded. */
  readonly traceparent: string | null;
}

/**
 * Locks jobs until the transaction ends, and reads them with their slots. Not in one statement (decision 0029): the answer
 * to a ticket that was issued while it waited would belong to none. Whoever changes a slot's epoch holds its job.
 * @param client a transaction
 */
export async function lockSettlingJobs(
  client: Queryable,
  jobIds: readonly string[],
): Promise<Map<string, SettlingJob>> {
  await client.query(`SELECT FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE`, [jobIds]);
  const { rows } = await client.query<SettlingJob & Record<string, unknown>>(
    `SELECT jobs.id, jobs.state, jobs.model, jobs.home_region, jobs.preferred_region, jobs.region_policy,
            jobs.attempt, jobs.epoch, jobs.max_attempts, jobs.avoid_regions, jobs.traceparent,
            (extract(epoch FROM jobs.created_at) * 1000)::float8 AS created_at_ms,
            (extract(epoch FROM jobs.started_at) * 1000)::float8 AS started_at_ms,
            slots.epoch AS slot_epoch, slots.started_at IS NOT NULL AND slots.epoch IS NOT NULL AS slot_started
       FROM jobs LEFT JOIN slots ON slots.job_id = jobs.id
      WHERE jobs.id = ANY ($1::uuid[])`,
    [jobIds],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** @returns `job:code` of each of these codes with which an attempt of one of these jobs has ended before */
export async function readEarlierFailures(
  database: Queryable,
  jobIds: readonly string[],
  codes: readonly AttemptErrorCode[],
): Promise<Set<string>> {
  const { rows } = await database.query<{ seen: string }>(
    `SELECT DISTINCT job_id || ':' || error_code AS seen
       FROM attempts
      WHERE job_id = ANY ($1::uuid[]) AND error_code = ANY ($2::text[])`,
    [jobIds, codes],
  );
  return new Set(rows.map(({ seen }) => seen));
}

/** What one outcome does to its job, its attempt and its slot. */
export interface Settlement {
  readonly job_id: string;
  /** Fence: nothing is written where the job has moved on. */
  readonly epoch: number;
  readonly attempt: number;
  /** State of the job from now on; `null` leaves a finished job as it is. */
  readonly state: JobState | null;
  readonly lane: string | null;
  readonly avoid_regions: readonly string[] | null;
  /** Unix ms; for `retrying`. */
  readonly not_before_ms: number | null;
  readonly result: StoredResult | null;
  readonly error_code: AttemptErrorCode | null;
  readonly error_detail: string | null;
  readonly attempt_status: AttemptStatus;
  readonly attempt_error_code: AttemptErrorCode | null;
  readonly http_status: number | null;
  readonly cold_start: boolean | null;
  readonly reattached: boolean;
  readonly execution_ms: number;
  readonly attested: unknown;
  readonly region: string;
  readonly is_final: boolean;
  readonly dead_letter: boolean;
}

/**
 * Writes settlements: jobs, attempts, slots, totals and dead letters with one statement. Every write matches
 * the epoch, so a superseded ticket changes nothing.
 */
export async function settleJobs(database: Queryable, settlements: readonly Settlement[]): Promise<void> {
  await database.query(
    `WITH settled AS (
            SELECT *, clock_timestamp() AS at FROM jsonb_to_recordset($1::jsonb) AS s (
              job_id uuid, epoch integer, attempt integer, state text, lane text, avoid_regions text[],
              not_before_ms float8, result jsonb, error_code text, error_detail text, attempt_status text,
              attempt_error_code text, http_status integer, cold_start boolean, reattached boolean,
              execution_ms integer, attested jsonb, region text, is_final boolean, dead_letter boolean)
          ), changed AS (
            UPDATE jobs
               SET state = settled.state,
                   lane = coalesce(settled.lane, jobs.lane),
                   avoid_regions = coalesce(settled.avoid_regions, jobs.avoid_regions),
                   is_retry = jobs.is_retry OR settled.state = 'retrying',
                   not_before = CASE WHEN settled.not_before_ms IS NULL THEN jobs.not_before
                                     ELSE to_timestamp(settled.not_before_ms / 1000) END,
                   result = settled.result,
                   error_code = settled.error_code,
                   error_detail = settled.error_detail,
                   started_at = coalesce(jobs.started_at, settled.at - make_interval(secs => settled.execution_ms / 1000.0)),
                   completed_at = CASE WHEN settled.is_final THEN settled.at END
              FROM settled
             WHERE jobs.id = settled.job_id AND jobs.epoch = settled.epoch AND settled.state IS NOT NULL
         RETURNING jobs.id, jobs.home_region, jobs.state, settled.is_final, settled.dead_letter,
                   settled.error_code, settled.error_detail, settled.attempt
          ), attempted AS (
            UPDATE attempts
               SET status = settled.attempt_status, error_code = settled.attempt_error_code,
                   error_detail = settled.error_detail, http_status = settled.http_status,
                   cold_start = settled.cold_start, reattached = settled.reattached,
                   execution_ms = settled.execution_ms, attested = settled.attested,
                   started_at = coalesce(attempts.started_at, settled.at - make_interval(secs => settled.execution_ms / 1000.0)),
                   finished_at = settled.at
              FROM settled
             WHERE attempts.job_id = settled.job_id AND attempts.attempt = settled.attempt
               AND attempts.epoch = settled.epoch
          ), freed AS (
            DELETE FROM slots USING settled
             WHERE slots.job_id = settled.job_id AND slots.epoch = settled.epoch
          ), buried AS (
            INSERT INTO dead_letters (job_id, code, detail, attempts)
            SELECT id, error_code, coalesce(error_detail, ''), attempt FROM changed WHERE dead_letter
            ON CONFLICT (job_id) DO NOTHING
          )
     INSERT INTO region_totals (region, completed, failed, cancelled, expired)
     SELECT home_region, count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed'),
            count(*) FILTER (WHERE state = 'cancelled'), count(*) FILTER (WHERE state = 'expired')
       FROM changed WHERE is_final GROUP BY home_region ORDER BY home_region
     ON CONFLICT (region) DO UPDATE
        SET completed = region_totals.completed + excluded.completed,
            failed = region_totals.failed + excluded.failed,
            cancelled = region_totals.cancelled + excluded.cancelled,
            expired = region_totals.expired + excluded.expired`,
    [JSON.stringify(settlements)],
  );
}

export interface StrayOutcome {
  readonly job_id: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly endpoint_id: string;
  readonly kind: string;
  readonly error_code: string | null;
  readonly duration_ms: number;
}

/**
 * Keeps outcomes that changed no result: the calls behind them were made and paid for. An outcome that is
 * merely delivered again (its commit's reply, or its ack, was lost) is no second call and is not kept.
 */
export async function keepStrayOutcomes(database: Queryable, strays: readonly StrayOutcome[]): Promise<void> {
  await database.query(
    `INSERT INTO stray_outcomes (job_id, attempt, epoch, endpoint_id, kind, error_code, duration_ms)
     SELECT job_id, attempt, epoch, endpoint_id, kind, error_code, duration_ms
       FROM jsonb_to_recordset($1::jsonb) AS s (job_id uuid, attempt integer, epoch integer, endpoint_id text,
              kind text, error_code text, duration_ms integer)
      WHERE NOT EXISTS (SELECT 1 FROM attempts
                         WHERE attempts.job_id = s.job_id AND attempts.attempt = s.attempt AND attempts.epoch = s.epoch
                           AND attempts.execution_ms = s.duration_ms AND attempts.finished_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM stray_outcomes AS kept
                         WHERE kept.job_id = s.job_id AND kept.epoch = s.epoch AND kept.duration_ms = s.duration_ms)`,
    [JSON.stringify(strays)],
  );
}
