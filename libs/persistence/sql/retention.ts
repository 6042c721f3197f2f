import { cellKey, isRunFinished } from '#domain';
import type { Queryable } from '../database.js';
import { lockRun } from './runs/lock-run.js';

/** Which contents are erased. */
export interface Contents {
  /** Prompts, system prompts and metadata, and what upstream said of failures: it may quote them. */
  readonly prompts: boolean;
  readonly results: boolean;
  /** Asked for by somebody: names and the hashes of dead letters go too. */
  readonly everything: boolean;
}

export const EVERYTHING: Contents = { prompts: true, results: true, everything: true };

const HASH = `encode(sha256(convert_to(result->>'response', 'UTF8')), 'hex')`;

/** Jobs that have ended and have no call that is still being ended. */
const ENDED = `state IN ('completed','failed','cancelled','expired')
           AND NOT EXISTS (SELECT FROM slots WHERE slots.job_id = jobs.id)`;

/** Its answer is still to be written to a batch's output file; lines go when their batch has ended. */
const NEEDED_BY_BATCH = `EXISTS (SELECT FROM batch_lines WHERE batch_lines.job_id = jobs.id)`;

/**
 * Empties ended jobs and all that hangs on them; those that have not ended are left out, and not waited for: whoever
 * settles them may wait for dead letters that are locked here.
 * @returns ids of those that were emptied
 */
export async function eraseJobs(
  client: Queryable,
  jobIds: readonly string[],
  { prompts, results, everything }: Contents,
): Promise<string[]> {
  if (jobIds.length === 0) return [];
  const { rows } = await client.query<{ id: string }>(
    `UPDATE jobs
        SET request = CASE WHEN $2 THEN request - '{prompt,messages}'::text[] ELSE request END,
            metadata = CASE WHEN $2 THEN NULL ELSE metadata END,
            error_detail = CASE WHEN $2 THEN NULL ELSE error_detail END,
            prompt_erased_at = CASE WHEN $2 THEN coalesce(prompt_erased_at, clock_timestamp()) ELSE prompt_erased_at END,
            result = CASE WHEN $3 AND result->>'response' IS NOT NULL
                          THEN result || jsonb_build_object('response', NULL, 'response_sha256', ${HASH})
                          ELSE result END,
            result_erased_at = CASE WHEN $3 THEN coalesce(result_erased_at, clock_timestamp()) ELSE result_erased_at END
      WHERE id = ANY (ARRAY(SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) AND ${ENDED} ORDER BY id FOR UPDATE))
  RETURNING id`,
    [jobIds, prompts, results],
  );
  const erased = rows.map(({ id }) => id);
  if (erased.length === 0) return erased;
  if (prompts) {
    await client.query(
      `UPDATE attempts SET error_detail = NULL WHERE job_id = ANY ($1::uuid[]) AND error_detail IS NOT NULL`,
      [erased],
    );
    await client.query(`DELETE FROM ledger_errors WHERE job_id = ANY ($1::uuid[])`, [erased]);
    // One after the other as they were made: whoever redrives goes from a job's letter to that of the job made of it.
    await client.query(
      `UPDATE dead_letters SET detail = '', payload_sha256 = CASE WHEN $2 THEN NULL ELSE payload_sha256 END
        WHERE job_id = ANY (ARRAY(
                SELECT job_id FROM dead_letters WHERE job_id = ANY ($1::uuid[]) ORDER BY letter_no FOR UPDATE))`,
      [erased, everything],
    );
    await client.query(`SELECT erase_webhook_metadata($1::uuid[])`, [erased]);
  }
  return erased;
}

/** A job and all that were made of one another by redriving; they have one request. */
export async function readLineage(
  client: Queryable,
  jobId: string,
): Promise<{ id: string; runId: string | null }[]> {
  const { rows } = await client.query<{ id: string; runId: string | null }>(
    `WITH RECURSIVE kin (id, redriven_from) AS (
            SELECT id, redriven_from FROM jobs WHERE id = $1
             UNION
            SELECT jobs.id, jobs.redriven_from
              FROM kin JOIN jobs ON jobs.id = kin.redriven_from OR jobs.redriven_from = kin.id
          )
     SELECT jobs.id, jobs.run_id AS "runId" FROM kin JOIN jobs USING (id) ORDER BY id`,
    [jobId],
  );
  return rows;
}

/** These jobs, and all that were redriven from them, and from those, and have contents. */
async function readRedriven(database: Queryable, jobIds: readonly string[]): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `WITH RECURSIVE kin (id) AS (
            SELECT unnest($1::uuid[]) UNION SELECT jobs.id FROM kin JOIN jobs ON jobs.redriven_from = kin.id
          )
     SELECT id FROM kin JOIN jobs USING (id)
      WHERE id = ANY ($1) OR prompt_erased_at IS NULL OR result_erased_at IS NULL`,
    [jobIds],
  );
  return rows.map(({ id }) => id);
}

/** The jobs that were gone through, and those of them that were emptied; the others have not ended. */
export interface ErasedKin {
  readonly ids: readonly string[];
  readonly erased: readonly string[];
}

/**
 * Empties these jobs, and what is redriven from them.
 * @param client a transaction that is repeated where it dead-locks
 */
export function eraseRedriven(
  client: Queryable,
  jobIds: readonly string[],
  contents: Contents,
): Promise<ErasedKin> {
  return eraseKin(client, () => readRedriven(client, jobIds), contents);
}

/**
 * Empties a job and all that were made of one another by redriving.
 * @param client a transaction that is repeated where it dead-locks
 */
export function eraseLineage(client: Queryable, jobId: string, contents: Contents): Promise<ErasedKin> {
  const read = async (): Promise<string[]> => (await readLineage(client, jobId)).map(({ id }) => id);
  return eraseKin(client, read, contents);
}

/**
 * Whoever redrives a job locks its dead letter, and so does whoever empties it: a redrive that came first is waited for,
 * and its job is found by reading again; one that comes later finds the request erased.
 *
 * Reading again may come upon jobs that have ended, and wait for them while their kin's dead letters are held: whoever
 * settles such a job, because its outcome was delivered again, may wait for these letters. Letters cannot all be locked
 * before the jobs, nor jobs before the letters, since either may be made meanwhile: the caller repeats what dead-locks.
 */
async function eraseKin(
  client: Queryable,
  read: () => Promise<readonly string[]>,
  contents: Contents,
): Promise<ErasedKin> {
  const ids = new Set<string>();
  const erased: string[] = [];
  for (;;) {
    const found = (await read()).filter((id) => !ids.has(id));
    if (found.length === 0) return { ids: [...ids], erased };
    for (const id of found) ids.add(id);
    erased.push(...(await eraseJobs(client, found, contents)));
  }
}

/** Ended jobs of no run whose contents have had their time, oldest first. */
export async function findExpiredJobs(
  database: Queryable,
  what: 'prompts' | 'results',
  days: number,
  limit: number,
): Promise<string[]> {
  const due =
    what === 'prompts' ? 'prompt_erased_at IS NULL' : `state = 'completed' AND result_erased_at IS NULL`;
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM jobs
      WHERE completed_at IS NOT NULL AND run_id IS NULL AND ${due} AND NOT ${NEEDED_BY_BATCH}
        AND completed_at < clock_timestamp() - make_interval(secs => $1::float8 * 86400)
      ORDER BY completed_at LIMIT $2`,
    [days, limit],
  );
  return rows.map(({ id }) => id);
}

/** Finished runs whose contents have had their time, and those whose erasure was begun and not finished. */
export async function findExpiredRuns(
  database: Queryable,
  what: 'prompts' | 'results',
  days: number,
  limit: number,
): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM runs
      WHERE finished_at < clock_timestamp() - make_interval(secs => $1::float8 * 86400)
        AND ${what === 'prompts' ? 'prompts_erased_at' : 'results_erased_at'} IS NULL
      ORDER BY finished_at LIMIT $2`,
    [days, limit],
  );
  return rows.map(({ id }) => id);
}

export async function findHalfErasedRuns(database: Queryable, limit: number): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM runs WHERE erasing AND finished_at IS NOT NULL ORDER BY run_no LIMIT $1`,
    [limit],
  );
  return rows.map(({ id }) => id);
}

/** First step: from now on the run cannot go on again, and its erasure is carried on by whoever finds it unfinished. */
export async function beginRunErasure(
  client: Queryable,
  runId: string,
  { prompts, results, everything }: Contents,
): Promise<'begun' | 'unfinished' | 'unknown'> {
  const run = await lockRun(client, runId);
  if (run === undefined) return 'unknown';
  if (!isRunFinished(run.status)) return 'unfinished';
  await client.query(
    `UPDATE runs
        SET erasing = true,
            prompts_erased_at = CASE WHEN $2 THEN coalesce(prompts_erased_at, clock_timestamp()) ELSE prompts_erased_at END,
            results_erased_at = CASE WHEN $3 THEN coalesce(results_erased_at, clock_timestamp()) ELSE results_erased_at END,
            erasing_everything = erasing_everything OR $4,
            name = CASE WHEN $4 THEN '' ELSE name END
      WHERE id = $1`,
    [runId, prompts, results, everything],
  );
  return 'begun';
}

/** What has been begun for a run. */
export async function readRunErasure(database: Queryable, runId: string): Promise<Contents | undefined> {
  const { rows } = await database.query<Contents & Record<string, unknown>>(
    `SELECT prompts_erased_at IS NOT NULL AS prompts, results_erased_at IS NOT NULL AS results,
            erasing_everything AS everything
       FROM runs WHERE id = $1 AND erasing`,
    [runId],
  );
  return rows[0];
}

export interface ErasedCells {
  /** Go on after it; undefined: there are no more. */
  readonly lastCellNo: number | undefined;
  readonly jobIds: readonly string[];
  /** Jobs of these cells that have not ended yet. */
  readonly left: number;
}

/** Empties the next cells of a finished run, and all of their jobs. */
export async function eraseCells(
  client: Queryable,
  runId: string,
  afterCellNo: number,
  limit: number,
  contents: Contents,
): Promise<ErasedCells> {
  const { rows: cells } = await client.query<{ cellNo: number; cellAttempt: number }>(
    `SELECT cell_no AS "cellNo", cell_attempt AS "cellAttempt" FROM cells
      WHERE run_id = $1 AND cell_no > $2 ORDER BY cell_no LIMIT $3`,
    [runId, afterCellNo, limit],
  );
  const last = cells.at(-1)?.cellNo;
  if (last === undefined) return { lastCellNo: undefined, jobIds: [], left: 0 };
  if (contents.results) {
    await client.query(
      `UPDATE cells
          SET answer = NULL, answer_sha256 = encode(sha256(convert_to(answer, 'UTF8')), 'hex'),
              erased_at = clock_timestamp()
        WHERE run_id = $1 AND cell_no > $2 AND cell_no <= $3 AND answer IS NOT NULL`,
      [runId, afterCellNo, last],
    );
  }
  const keys = cells.flatMap(({ cellNo, cellAttempt: tried }) =>
    Array.from({ length: tried }, (_, index) => cellKey(runId, cellNo, index + 1)),
  );
  const { rows: jobs } = await client.query<{ id: string }>(
    `SELECT id FROM jobs
      WHERE idempotency_key = ANY ($1::text[]) AND tenant = (SELECT tenant FROM runs WHERE id = $2)`,
    [keys, runId],
  );
  const jobIds = await eraseJobs(
    client,
    jobs.map(({ id }) => id),
    contents,
  );
  return { lastCellNo: last, jobIds, left: jobs.length - jobIds.length };
}

/** What receipts say of a question whose text is gone. */
export interface ContentHashes {
  readonly text_sha256: string;
  readonly prompts: Readonly<
    Record<string, { readonly system_sha256: string | null; readonly prompt_sha256: string }>
  >;
}

/** Puts hashes in the place of questions' texts. */
export async function eraseQuestions(
  client: Queryable,
  runId: string,
  questions: readonly { readonly questionNo: number; readonly hashes: ContentHashes }[],
): Promise<void> {
  await client.query(
    `UPDATE run_questions AS question SET text = '', systems = NULL, content_hashes = given.hashes
       FROM jsonb_to_recordset($2::jsonb) AS given (question_no integer, hashes jsonb)
      WHERE question.run_id = $1 AND question.question_no = given.question_no AND content_hashes IS NULL`,
    [runId, JSON.stringify(questions.map(({ questionNo, hashes }) => ({ question_no: questionNo, hashes })))],
  );
}

/** Last step. The system prompts of the run itself were needed for the hashes of its questions. */
export async function finishRunErasure(client: Queryable, runId: string, prompts: boolean): Promise<void> {
  await client.query(
    `UPDATE runs SET erasing = false, erasing_everything = false,
                     spec = CASE WHEN $2 THEN jsonb_set(spec, '{system_prompts}', '{}') ELSE spec END
      WHERE id = $1`,
    [runId, prompts],
  );
}

/**
 * Deletes webhooks that were delivered or given up so long ago, some at a time. The latest of a run stays: the next one
 * is numbered after it.
 * @returns how many
 */
export async function deleteExpiredWebhooks(
  database: Queryable,
  days: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await database.query(
    `DELETE FROM webhook_deliveries
      WHERE event_id = ANY (ARRAY(
              SELECT event_id FROM webhook_deliveries AS old
               WHERE finished_at < clock_timestamp() - make_interval(secs => $1::float8 * 86400)
                 AND (job_id IS NOT NULL OR sequence IS NULL OR EXISTS (
                        SELECT FROM webhook_deliveries AS later
                         WHERE later.run_id = old.run_id AND later.sequence > old.sequence))
               ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [days, limit],
  );
  return rowCount ?? 0;
}

/** Where tickets, outcomes and addresses of a job's calls may still be. */
export interface CallPlace {
  readonly jobId: string;
  readonly attempt: number;
  readonly endpointId: string;
  readonly region: string;
  /** Of the job: no epoch is later. */
  readonly lastEpoch: number;
}

export async function readCallPlaces(database: Queryable, jobIds: readonly string[]): Promise<CallPlace[]> {
  const { rows } = await database.query<CallPlace & Record<string, unknown>>(
    `SELECT job_id AS "jobId", attempts.attempt, endpoint_id AS "endpointId", region, jobs.epoch AS "lastEpoch"
       FROM attempts JOIN jobs ON jobs.id = attempts.job_id WHERE job_id = ANY ($1::uuid[])`,
    [jobIds],
  );
  return rows;
}

/** Notes that everything a tenant has is to be erased; what it makes from then on is not meant. */
export async function requestTenantErasure(client: Queryable, tenant: string, actor: string): Promise<Date> {
  const { rows } = await client.query<{ at: Date }>(
    // In whole milliseconds, as the time is handed around.
    `INSERT INTO tenant_erasures (tenant, requested_by, requested_at)
     VALUES ($1, $2, date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond')
     ON CONFLICT (tenant) DO UPDATE
        SET requested_at = excluded.requested_at, requested_by = excluded.requested_by, completed_at = NULL
     RETURNING requested_at AS at`,
    [tenant, actor],
  );
  return rows[0]?.at ?? new Date(0);
}

export interface TenantErasure {
  readonly tenant: string;
  readonly requestedAt: Date;
}

export async function listOpenTenantErasures(database: Queryable): Promise<TenantErasure[]> {
  const { rows } = await database.query<TenantErasure & Record<string, unknown>>(
    `SELECT tenant, requested_at AS "requestedAt" FROM tenant_erasures
      WHERE completed_at IS NULL ORDER BY requested_at LIMIT 10`,
  );
  return rows;
}

/** Nothing is left, unless it was asked for anew meanwhile. */
export async function completeTenantErasure(
  database: Queryable,
  { tenant, requestedAt }: TenantErasure,
): Promise<void> {
  await database.query(
    `UPDATE tenant_erasures SET completed_at = clock_timestamp() WHERE tenant = $1 AND requested_at = $2`,
    [tenant, requestedAt],
  );
}

/** A job of a request that was made until then: it may have been redriven since. */
const ASKED_UNTIL = (
  time: string,
): string => `(created_at <= ${time} OR redriven_from IS NOT NULL AND EXISTS (
          WITH RECURSIVE elder (redriven_from, created_at) AS (
                 SELECT old.redriven_from, old.created_at FROM jobs AS old WHERE old.id = jobs.redriven_from
                  UNION ALL
                 SELECT old.redriven_from, old.created_at FROM elder JOIN jobs AS old ON old.id = elder.redriven_from
               )
          SELECT FROM elder WHERE elder.created_at <= ${time}))`;

/** A tenant's jobs of no run with contents, by id. @param afterId of the last one seen */
export async function listTenantJobs(
  database: Queryable,
  { tenant, requestedAt }: TenantErasure,
  afterId: string,
  limit: number,
): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM jobs
      WHERE id > $3::uuid AND tenant = $1 AND run_id IS NULL AND ${ASKED_UNTIL('$2')} AND NOT ${NEEDED_BY_BATCH}
        AND (prompt_erased_at IS NULL OR result_erased_at IS NULL)
      ORDER BY id LIMIT $4`,
    [tenant, requestedAt, afterId, limit],
  );
  return rows.map(({ id }) => id);
}

/** A tenant's runs with contents, oldest first. @param afterRunNo of the last one seen */
export async function listTenantRuns(
  database: Queryable,
  { tenant, requestedAt }: TenantErasure,
  afterRunNo: string,
  limit: number,
): Promise<{ id: string; runNo: string }[]> {
  const { rows } = await database.query<{ id: string; runNo: string }>(
    `SELECT id, run_no AS "runNo" FROM runs
      WHERE run_no > $3::bigint AND tenant = $1 AND created_at <= $2
        AND (erasing OR prompts_erased_at IS NULL OR results_erased_at IS NULL)
      ORDER BY run_no LIMIT $4`,
    [tenant, requestedAt, afterRunNo, limit],
  );
  return rows;
}
