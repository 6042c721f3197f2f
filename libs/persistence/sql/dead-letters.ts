import type {
  AttemptErrorCode,
  AttemptStatus,
  DeadLetterGroup,
  DeadLetterState,
  JobState,
  Priority,
  RegionPolicy,
} from '#domain';
import type { Queryable } from '../database.js';

/** Absent: whatever it is. */
export interface DeadLetterFilter {
  readonly code?: string | undefined;
  readonly region?: string | undefined;
  readonly model?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly taskType?: string | undefined;
  readonly tenant?: string | undefined;
  readonly runId?: string | undefined;
  /** RFC 3339, of the job's failure. */
  readonly since?: string | undefined;
  /** RFC 3339; before it. */
  readonly until?: string | undefined;
  readonly state?: DeadLetterState | undefined;
  readonly poison?: boolean | undefined;
  /** Whatever tells the model of tasks is left out: filters and groups by model, and payloads that are a job's too. */
  readonly hidesTaskModels?: boolean;
}

export interface DeadLetterRow {
  readonly jobId: string;
  /** null: it is no task's. */
  readonly taskId: string | null;
  /** Grows in the order in which jobs failed; a bigint. */
  readonly letterNo: string;
  readonly tenant: string;
  readonly code: AttemptErrorCode;
  readonly detail: string;
  readonly model: string;
  readonly region: string;
  readonly endpointId: string | null;
  readonly taskType: string | null;
  readonly runId: string | null;
  readonly attempts: number;
  readonly poison: boolean;
  readonly payloadSha256: string | null;
  readonly state: DeadLetterState;
  readonly redrivenAs: string | null;
  readonly redrivenFrom: string | null;
  readonly resolvedAt: Date | null;
  readonly resolvedBy: string | null;
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly erasedAt: Date | null;
}

const COLUMNS = `
  letter.job_id AS "jobId", CASE WHEN letter.task_type IS NOT NULL THEN coalesce(jobs.task_id, jobs.id::text) END AS "taskId",
  letter.letter_no AS "letterNo", letter.tenant, letter.code, letter.detail, letter.model,
  letter.region, letter.endpoint_id AS "endpointId", letter.task_type AS "taskType", letter.run_id AS "runId",
  letter.attempts, letter.poison, letter.payload_sha256 AS "payloadSha256", letter.state,
  letter.redriven_as AS "redrivenAs", jobs.redriven_from AS "redrivenFrom", letter.resolved_at AS "resolvedAt",
  letter.resolved_by AS "resolvedBy", letter.reason, letter.created_at AS "createdAt",
  jobs.prompt_erased_at AS "erasedAt"`;

/** Each part is a constant text: a statement is planned once, whatever it is asked for. */
const MATCHES = `
      ($1::text IS NULL OR letter.code = $1) AND ($2::text IS NULL OR letter.region = $2)
  AND ($3::text IS NULL OR (letter.model = $3 AND ($12::boolean IS FALSE OR letter.task_type IS NULL))) AND ($4::text IS NULL OR letter.endpoint_id = $4)
  AND ($5::text IS NULL OR letter.task_type = $5) AND ($6::text IS NULL OR letter.tenant = $6)
  AND ($7::uuid IS NULL OR letter.run_id = $7) AND ($8::timestamptz IS NULL OR letter.created_at >= $8)
  AND ($9::timestamptz IS NULL OR letter.created_at < $9) AND ($10::text IS NULL OR letter.state = $10)
  AND ($11::boolean IS NULL OR letter.poison = $11)`;

function valuesOf(filter: DeadLetterFilter): unknown[] {
  const { code, region, model, endpoint, taskType, tenant, runId, since, until, state, poison } = filter;
  const given = [code, region, model, endpoint, taskType, tenant, runId, since, until, state, poison];
  return [...given.map((value) => value ?? null), filter.hidesTaskModels ?? false];
}

/** Newest first. @param beforeLetterNo the last one already seen */
export async function listDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
  limit: number,
  beforeLetterNo: string | undefined,
): Promise<DeadLetterRow[]> {
  const { rows } = await database.query<DeadLetterRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM dead_letters AS letter JOIN jobs ON jobs.id = letter.job_id
      WHERE ${MATCHES} AND letter.letter_no < coalesce($13::bigint, 9223372036854775807)
      ORDER BY letter.letter_no DESC LIMIT $14`,
    [...valuesOf(filter), beforeLetterNo ?? null, limit],
  );
  return rows;
}

/** How many are in each state, and how many of the open ones are taken for poison. */
export async function countDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
): Promise<Record<DeadLetterState | 'poison', number>> {
  const { rows } = await database.query<Record<DeadLetterState | 'poison', number>>(
    `SELECT count(*) FILTER (WHERE state = 'open')::integer AS open,
            count(*) FILTER (WHERE state = 'redriven')::integer AS redriven,
            count(*) FILTER (WHERE state = 'discarded')::integer AS discarded,
            count(*) FILTER (WHERE state = 'open' AND poison)::integer AS poison
       FROM dead_letters AS letter WHERE ${MATCHES}`,
    valuesOf({ ...filter, state: undefined }),
  );
  return rows[0] ?? { open: 0, redriven: 0, discarded: 0, poison: 0 };
}

export interface DeadLetterGroupRow {
  readonly code: string | null;
  readonly model: string | null;
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly open: number;
  readonly poison: number;
  /** Different requests among them. */
  readonly payloads: number;
  readonly oldestAt: Date;
  readonly newestAt: Date;
}

/** Open dead letters by these fields, the largest group first. */
export async function groupDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
  groups: readonly DeadLetterGroup[],
  limit: number,
): Promise<DeadLetterGroupRow[]> {
  const { rows } = await database.query<DeadLetterGroupRow & Record<string, unknown>>(
    `SELECT code, model, region, endpoint, count(*)::integer AS open,
            count(*) FILTER (WHERE poison)::integer AS poison, count(DISTINCT payload)::integer AS payloads,
            min(created_at) AS "oldestAt", max(created_at) AS "newestAt"
       FROM (SELECT CASE WHEN 'code' = ANY ($13::text[]) THEN letter.code END AS code,
                    CASE WHEN 'model' = ANY ($13) AND NOT hidden THEN letter.model END AS model,
                    CASE WHEN 'region' = ANY ($13) THEN letter.region END AS region,
                    CASE WHEN 'endpoint' = ANY ($13) THEN letter.endpoint_id END AS endpoint,
                    letter.poison, letter.created_at,
                    CASE WHEN hidden THEN 'task ' ELSE '' END || coalesce(letter.payload_sha256, letter.job_id::text) AS payload
               FROM dead_letters AS letter, LATERAL (SELECT $12::boolean AND letter.task_type IS NOT NULL AS hidden) AS model_of
              WHERE ${MATCHES}) AS open
      GROUP BY code, model, region, endpoint
      ORDER BY open DESC, code, model, region, endpoint LIMIT $14`,
    [...valuesOf({ ...filter, state: 'open' }), groups, limit],
  );
  return rows;
}

export async function findDeadLetter(database: Queryable, jobId: string): Promise<DeadLetterRow | undefined> {
  const { rows } = await database.query<DeadLetterRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM dead_letters AS letter JOIN jobs ON jobs.id = letter.job_id WHERE letter.job_id = $1`,
    [jobId],
  );
  return rows[0];
}

export interface DeadAttemptRow {
  readonly attempt: number;
  readonly endpointId: string;
  readonly region: string;
  readonly status: AttemptStatus;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly httpStatus: number | null;
  readonly executionMs: number | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export async function readDeadAttempts(database: Queryable, jobId: string): Promise<DeadAttemptRow[]> {
  const { rows } = await database.query<DeadAttemptRow & Record<string, unknown>>(
    `SELECT attempt, endpoint_id AS "endpointId", region, status, error_code AS "errorCode",
            error_detail AS "errorDetail", http_status AS "httpStatus", execution_ms AS "executionMs",
            started_at AS "startedAt", finished_at AS "finishedAt"
       FROM attempts WHERE job_id = $1 ORDER BY attempt`,
    [jobId],
  );
  return rows;
}

/** A dead letter that is about to be changed, with what a new job of it is made of. */
export interface LockedDeadLetter {
  readonly jobId: string;
  readonly letterNo: string;
  readonly tenant: string;
  readonly keyId: string | null;
  readonly runId: string | null;
  readonly taskType: string | null;
  readonly state: DeadLetterState;
  readonly poison: boolean;
  readonly redrivenAs: string | null;
  /** Of the job it was redriven as. */
  readonly redrivenState: JobState | null;
  readonly model: string;
  readonly homeRegion: string;
  readonly preferredRegion: string | null;
  readonly regionPolicy: RegionPolicy;
  readonly priority: Priority;
  readonly isErased: boolean;
}

const LOCKED = `
  letter.job_id AS "jobId", letter.letter_no AS "letterNo", letter.tenant, jobs.key_id AS "keyId",
  letter.run_id AS "runId", letter.task_type AS "taskType", letter.state, letter.poison, letter.redriven_as AS "redrivenAs",
  successor.state AS "redrivenState", jobs.model, jobs.home_region AS "homeRegion",
  jobs.preferred_region AS "preferredRegion", jobs.region_policy AS "regionPolicy", jobs.priority,
  jobs.prompt_erased_at IS NOT NULL AS "isErased"`;
const LOCKED_FROM = `
  dead_letters AS letter JOIN jobs ON jobs.id = letter.job_id LEFT JOIN jobs AS successor ON successor.id = letter.redriven_as`;

/** Locked until the transaction ends. */
export async function lockDeadLetter(
  client: Queryable,
  jobId: string,
): Promise<LockedDeadLetter | undefined> {
  // By a statement of its own (decision 0029): the next one sees what was done while this one waited.
  await client.query(`SELECT FROM dead_letters WHERE job_id = $1 FOR UPDATE`, [jobId]);
  const { rows } = await client.query<LockedDeadLetter & Record<string, unknown>>(
    `SELECT ${LOCKED} FROM ${LOCKED_FROM} WHERE letter.job_id = $1`,
    [jobId],
  );
  return rows[0];
}

/** Open ones, oldest first; those that somebody else is changing now are left to them. */
export async function lockOpenDeadLetters(
  client: Queryable,
  filter: DeadLetterFilter,
  afterLetterNo: string,
  limit: number,
): Promise<LockedDeadLetter[]> {
  const { rows: locked } = await client.query<{ jobId: string }>(
    `SELECT letter.job_id AS "jobId" FROM dead_letters AS letter
      WHERE ${MATCHES} AND letter.letter_no > $13::bigint
      ORDER BY letter.letter_no LIMIT $14 FOR UPDATE SKIP LOCKED`,
    [...valuesOf({ ...filter, state: 'open' }), afterLetterNo, limit],
  );
  // Not by the statement that locks (decision 0029): a job may have been erased since that one began.
  const { rows } = await client.query<LockedDeadLetter & Record<string, unknown>>(
    `SELECT ${LOCKED} FROM ${LOCKED_FROM} WHERE letter.job_id = ANY ($1::uuid[]) ORDER BY letter.letter_no`,
    [locked.map(({ jobId }) => jobId)],
  );
  return rows;
}

/** The job that a dead letter is to become. */
export interface RedrivenJob {
  readonly from: string;
  readonly id: string;
  readonly keyId: string | null;
  readonly homeRegion: string;
  readonly preferredRegion: string | null;
  readonly regionPolicy: RegionPolicy;
  readonly lane: string;
  /** Unix ms. */
  readonly orderKey: number;
}

/**
 * Makes new jobs of stored requests, and says so in their dead letters. Everything but the key, where it may go, the place
 * in the queue and the deadline, which has had its time, is the old job's. A client's name for a task stays with the task
 * that failed: a new one goes by its job's id. The caller has locked the letters.
 */
export async function redriveLetters(
  client: Queryable,
  jobs: readonly RedrivenJob[],
  actor: string,
): Promise<void> {
  const given = JSON.stringify(
    jobs.map(({ from, id, keyId, homeRegion, preferredRegion, regionPolicy, lane, orderKey }) => ({
      ...{ from_id: from, id, key_id: keyId, home_region: homeRegion, preferred_region: preferredRegion },
      ...{ region_policy: regionPolicy, lane, order_key: orderKey },
    })),
  );
  await client.query(
    `WITH given AS (
            SELECT * FROM jsonb_to_recordset($1::jsonb)
                       AS g (from_id uuid, id uuid, key_id text, home_region text, preferred_region text,
                             region_policy text, lane text, order_key bigint)
          )
     INSERT INTO jobs (id, tenant, key_id, task_type, owner_id, state, model, home_region, preferred_region, region_policy,
                       priority, lane, order_key, max_attempts, timeout_ms, request, metadata, webhook_url,
                       redriven_from)
     SELECT given.id, old.tenant, given.key_id, old.task_type, old.owner_id, 'queued', old.model, given.home_region,
            given.preferred_region, given.region_policy, old.priority, given.lane, given.order_key, old.max_attempts,
            old.timeout_ms, old.request, old.metadata, old.webhook_url, old.id
       FROM given JOIN jobs AS old ON old.id = given.from_id`,
    [given],
  );
  await client.query(
    `UPDATE dead_letters AS letter
        SET state = 'redriven', redriven_as = given.id, resolved_at = clock_timestamp(), resolved_by = $2
       FROM jsonb_to_recordset($1::jsonb) AS given (from_id uuid, id uuid)
      WHERE letter.job_id = given.from_id`,
    [given, actor],
  );
}

/** The caller has locked them. */
export async function discardLetters(
  client: Queryable,
  jobIds: readonly string[],
  actor: string,
  reason: string,
): Promise<void> {
  await client.query(
    `UPDATE dead_letters SET state = 'discarded', resolved_at = clock_timestamp(), resolved_by = $2, reason = $3
      WHERE job_id = ANY ($1::uuid[]) AND state = 'open'`,
    [jobIds, actor, reason],
  );
}

/**
 * Marks the dead letters of payloads that have failed so often, and all of those that were given up for what they did to
 * their workers: one after the other as they were made, as whoever redrives goes from one to the next.
 * @param codes that speak against what was asked
 * @returns how many were marked
 */
export async function markPoison(
  client: Queryable,
  jobIds: readonly string[],
  codes: readonly AttemptErrorCode[],
  lettersMax: number,
): Promise<number> {
  const { rowCount } = await client.query(
    `WITH payloads AS (
            SELECT DISTINCT tenant, payload_sha256 FROM dead_letters
             WHERE job_id = ANY ($1::uuid[]) AND code = ANY ($2::text[])
          ), poison AS (
            SELECT letter.tenant, letter.payload_sha256
              FROM payloads JOIN dead_letters AS letter USING (payload_sha256, tenant)
             WHERE letter.code = ANY ($2)
             GROUP BY letter.tenant, letter.payload_sha256
            HAVING count(*) >= $3 OR bool_or(letter.code = 'POISON_SUSPECTED')
          )
     UPDATE dead_letters SET poison = true
      WHERE job_id = ANY (ARRAY(
              SELECT letter.job_id FROM poison JOIN dead_letters AS letter USING (payload_sha256, tenant)
               WHERE letter.code = ANY ($2) AND NOT letter.poison
               ORDER BY letter.letter_no FOR UPDATE OF letter))`,
    [jobIds, codes, lettersMax],
  );
  return rowCount ?? 0;
}

export interface DeadLetterTally {
  readonly code: string;
  readonly region: string;
  readonly letters: number;
  readonly poison: number;
  /** Seconds. */
  readonly oldestS: number;
}

/** Open ones, for gauges. */
export async function tallyDeadLetters(database: Queryable): Promise<DeadLetterTally[]> {
  const { rows } = await database.query<DeadLetterTally & Record<string, unknown>>(
    `SELECT code, region, count(*)::integer AS letters, count(*) FILTER (WHERE poison)::integer AS poison,
            extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS "oldestS"
       FROM dead_letters WHERE state = 'open' GROUP BY code, region`,
  );
  return rows;
}
