import type { LineOutcome, TerminalState } from '#domain';
import type { StoredResult } from '../../entities/job.entity.js';
import type { Queryable } from '../../database.js';
import type { HeldBatch } from './batches.js';

export interface NewLine {
  readonly line_no: number;
  readonly at_byte: number;
  readonly bytes: number;
  readonly custom_id: string;
}

/** While a batch is validated its lines are its router's alone. */
const VALIDATING = `SELECT FROM batches WHERE id = $1 AND fence = $2 AND status = 'validating' FOR SHARE`;

/**
 * What an earlier validation that did not come to its end has left behind.
 * @returns false: the batch is validated by another router, or not any more, and its lines stay
 */
export async function clearLines(database: Queryable, { id, fence }: HeldBatch): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH held AS (${VALIDATING}), cleared AS (
            DELETE FROM batch_lines WHERE batch_id = $1 AND EXISTS (SELECT FROM held))
     SELECT FROM held`,
    [id, fence],
  );
  return (rowCount ?? 0) > 0;
}

/** Of a batch that has ended: they hold callers' ids, and serve nobody any more. */
export async function dropLines(database: Queryable, batchId: string): Promise<void> {
  await database.query(`DELETE FROM batch_lines WHERE batch_id = $1`, [batchId]);
}

/** @returns false: the batch is validated by another router, or not any more, and nothing was noted */
export async function insertLines(
  database: Queryable,
  { id, fence }: HeldBatch,
  lines: readonly NewLine[],
): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH held AS (${VALIDATING}), noted AS (
            INSERT INTO batch_lines (batch_id, line_no, at_byte, bytes, custom_id)
            SELECT $1, line_no, at_byte, bytes, custom_id
              FROM jsonb_to_recordset($3::jsonb)
                AS line (line_no integer, at_byte bigint, bytes integer, custom_id text)
             WHERE EXISTS (SELECT FROM held))
     SELECT FROM held`,
    [id, fence, JSON.stringify(lines)],
  );
  return (rowCount ?? 0) > 0;
}

export interface DuplicateLine {
  readonly lineNo: number;
  /** The first line with the same `custom_id`. */
  readonly firstLineNo: number;
}

/** Lines whose `custom_id` an earlier line has, in their order. */
export async function findDuplicateLines(
  database: Queryable,
  batchId: string,
  limit: number,
): Promise<DuplicateLine[]> {
  const { rows } = await database.query<DuplicateLine & Record<string, unknown>>(
    `SELECT "lineNo", "firstLineNo"
       FROM (SELECT line_no AS "lineNo", min(line_no) OVER (PARTITION BY custom_id) AS "firstLineNo"
               FROM batch_lines WHERE batch_id = $1) AS line
      WHERE "lineNo" > "firstLineNo"
      ORDER BY "lineNo" LIMIT $2`,
    [batchId, limit],
  );
  return rows;
}

export interface UnaskedLine {
  readonly lineNo: number;
  readonly atByte: number;
  readonly bytes: number;
}

/** Lines that have no job yet, in their order. @param after their number */
export async function readUnaskedLines(
  database: Queryable,
  batchId: string,
  after: number,
  limit: number,
): Promise<UnaskedLine[]> {
  const { rows } = await database.query<UnaskedLine & Record<string, unknown>>(
    `SELECT line_no AS "lineNo", at_byte::float8 AS "atByte", bytes FROM batch_lines
      WHERE batch_id = $1 AND line_no > $2 AND job_id IS NULL AND outcome IS NULL
      ORDER BY line_no LIMIT $3`,
    [batchId, after, limit],
  );
  return rows;
}

/** Why a line was not made a job of, as its caller is told: an HTTP status, and an error in OpenAI's shape. */
export interface LineRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

export interface AskedLine {
  readonly lineNo: number;
  /** Its job; null: it was refused. */
  readonly jobId: string | null;
  readonly refusal: LineRefusal | null;
}

/**
 * Notes which jobs lines were made, and which were refused: these have failed. Where another router drives the batch, that
 * one asks the lines again, and finds the same jobs.
 */
export async function recordAsked(
  database: Queryable,
  { id, fence }: HeldBatch,
  lines: readonly AskedLine[],
): Promise<void> {
  await database.query(
    `WITH held AS (SELECT id FROM batches WHERE id = $1 AND fence = $3 FOR NO KEY UPDATE), asked AS (
            UPDATE batch_lines AS line
               SET job_id = given.job_id, refusal = given.refusal,
                   outcome = CASE WHEN given.job_id IS NULL THEN 'failed' END
              FROM held, jsonb_to_recordset($2::jsonb) AS given (line_no integer, job_id uuid, refusal jsonb)
             WHERE line.batch_id = held.id AND line.line_no = given.line_no
               AND line.job_id IS NULL AND line.outcome IS NULL
         RETURNING line.outcome
          )
     UPDATE batches SET failed = failed + (SELECT count(outcome) FROM asked)
      WHERE id = $1 AND EXISTS (SELECT FROM asked WHERE outcome IS NOT NULL)`,
    [
      id,
      JSON.stringify(
        lines.map(({ lineNo, jobId, refusal }) => ({ line_no: lineNo, job_id: jobId, refusal })),
      ),
      fence,
    ],
  );
}

/**
 * Gives lines the jobs that were made of them and not noted: their router died in between.
 * @param keyPrefix of the jobs' idempotency keys; the number of the line follows
 * @returns how many
 */
export async function adoptJobs(
  database: Queryable,
  batchId: string,
  tenant: string,
  keyPrefix: string,
): Promise<number> {
  const { rowCount } = await database.query(
    `UPDATE batch_lines AS line SET job_id = jobs.id
       FROM jobs
      WHERE line.batch_id = $1 AND line.job_id IS NULL AND line.outcome IS NULL
        AND jobs.tenant = $2 AND jobs.idempotency_key = $3::text || line.line_no`,
    [batchId, tenant, keyPrefix],
  );
  return rowCount ?? 0;
}

/** Lines that have a job and no outcome: as many as a batch may have under way. */
export interface LinesUnderWay {
  /** Those whose jobs have ended, by how. */
  readonly ended: Readonly<Record<TerminalState, readonly number[]>>;
  /** How many have jobs that go on. */
  readonly going: number;
}

export async function readLinesUnderWay(database: Queryable, batchId: string): Promise<LinesUnderWay> {
  const { rows } = await database.query<{
    state: TerminalState | null;
    lines: number;
    numbers: number[] | null;
  }>(
    `SELECT state, count(*)::integer AS lines, array_agg(line_no) FILTER (WHERE state IS NOT NULL) AS numbers
       FROM (SELECT line.line_no,
                    CASE WHEN jobs.state IN ('completed','failed','cancelled','expired') THEN jobs.state END AS state
               FROM batch_lines AS line JOIN jobs ON jobs.id = line.job_id
              WHERE line.batch_id = $1 AND line.outcome IS NULL) AS line
      GROUP BY state`,
    [batchId],
  );
  const numbersOf = (state: TerminalState): number[] =>
    rows.find((row) => row.state === state)?.numbers ?? [];
  return {
    ended: {
      completed: numbersOf('completed'),
      failed: numbersOf('failed'),
      cancelled: numbersOf('cancelled'),
      expired: numbersOf('expired'),
    },
    going: rows.find(({ state }) => state === null)?.lines ?? 0,
  };
}

/** Jobs of a batch that go on. */
export async function readJobsGoing(database: Queryable, batchId: string): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT jobs.id FROM batch_lines AS line JOIN jobs ON jobs.id = line.job_id
      WHERE line.batch_id = $1 AND line.outcome IS NULL
        AND jobs.state NOT IN ('completed','failed','cancelled','expired')`,
    [batchId],
  );
  return rows.map(({ id }) => id);
}

/**
 * Notes how lines have ended and counts them, each once.
 * @returns how many
 */
export async function recordOutcomes(
  database: Queryable,
  { id, fence }: HeldBatch,
  lineNos: readonly number[],
  outcome: LineOutcome,
): Promise<number> {
  const { rows } = await database.query<{ lines: number }>(
    `WITH held AS (SELECT id FROM batches WHERE id = $1 AND fence = $4 FOR NO KEY UPDATE), ended AS (
            UPDATE batch_lines AS line SET outcome = $3
              FROM held
             WHERE line.batch_id = held.id AND line.line_no = ANY ($2::integer[]) AND line.outcome IS NULL
         RETURNING line.outcome
          )
     UPDATE batches SET completed = completed + (SELECT count(*) FROM ended WHERE outcome = 'completed'),
                        failed = failed + (SELECT count(*) FROM ended WHERE outcome = 'failed')
      WHERE id = $1 AND EXISTS (SELECT FROM ended)
  RETURNING (SELECT count(*)::integer FROM ended) AS lines`,
    [id, lineNos, outcome, fence],
  );
  return rows[0]?.lines ?? 0;
}

/** Lines that were never asked get this outcome. @returns how many */
export async function recordUnasked(
  database: Queryable,
  batchId: string,
  outcome: LineOutcome,
): Promise<number> {
  const { rowCount } = await database.query(
    `UPDATE batch_lines SET outcome = $2 WHERE batch_id = $1 AND outcome IS NULL AND job_id IS NULL`,
    [batchId, outcome],
  );
  return rowCount ?? 0;
}

/** A line that has ended, with what its job holds of it. */
export interface EndedLine {
  readonly lineNo: number;
  /** In the input file. */
  readonly atByte: number;
  readonly bytes: number;
  readonly customId: string;
  readonly outcome: LineOutcome;
  readonly refusal: LineRefusal | null;
  readonly jobId: string | null;
  readonly attempt: number | null;
  readonly result: StoredResult | null;
  readonly errorCode: string | null;
  readonly createdAt: Date | null;
}

/**
 * The next lines in their order. @param after their number
 * @param bytesMax of answers and of the piece of the input file that the lines span, blank ones between them included,
 *   unless the first line alone has more
 */
export async function readEndedLines(
  database: Queryable,
  batchId: string,
  after: number,
  limit: number,
  bytesMax: number,
): Promise<EndedLine[]> {
  const { rows } = await database.query<EndedLine & Record<string, unknown>>(
    `SELECT "lineNo", "atByte", bytes, "customId", outcome, refusal, "jobId", attempt, result, "errorCode", "createdAt"
       FROM (SELECT page.*, row_number() OVER ordered AS nth,
                    "atByte" + bytes - first_value("atByte") OVER ordered
                      + sum(coalesce(octet_length(result->>'response'), 0)) OVER ordered AS running
               FROM (SELECT line.line_no AS "lineNo", line.at_byte::float8 AS "atByte", line.bytes,
                            line.custom_id AS "customId", line.outcome, line.refusal, line.job_id AS "jobId",
                            jobs.attempt, jobs.result, jobs.error_code AS "errorCode", jobs.created_at AS "createdAt"
                       FROM batch_lines AS line LEFT JOIN jobs ON jobs.id = line.job_id
                      WHERE line.batch_id = $1 AND line.line_no > $2 AND line.outcome IS NOT NULL
                      ORDER BY line.line_no LIMIT $3) AS page
             WINDOW ordered AS (ORDER BY "lineNo")) AS measured
      WHERE nth = 1 OR running <= $4
      ORDER BY "lineNo"`,
    [batchId, after, limit, bytesMax],
  );
  return rows;
}

/** How many lines came to each outcome. */
export async function countOutcomes(
  database: Queryable,
  batchId: string,
): Promise<Readonly<Record<LineOutcome, number>>> {
  const { rows } = await database.query<{ outcome: LineOutcome; lines: number }>(
    `SELECT outcome, count(*)::integer AS lines FROM batch_lines
      WHERE batch_id = $1 AND outcome IS NOT NULL GROUP BY outcome`,
    [batchId],
  );
  const count = (outcome: LineOutcome): number => rows.find((row) => row.outcome === outcome)?.lines ?? 0;
  return {
    completed: count('completed'),
    failed: count('failed'),
    expired: count('expired'),
    cancelled: count('cancelled'),
  };
}
