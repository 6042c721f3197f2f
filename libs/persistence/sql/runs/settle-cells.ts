import type { Queryable } from '../../database.js';
import { noteSkews } from './run-skew.js';

/** What identifies the try that is being settled; anything newer must not be touched. */
interface CellTry {
  readonly cellNo: number;
  readonly cellAttempt: number;
  /** Executions the job made. */
  readonly jobAttempts: number;
}

export interface AcceptedAnswer extends CellTry {
  readonly answer: string;
  readonly answeredRegion: string;
  readonly endpointId: string | null;
  readonly inferenceTimeS: number | null;
  readonly tokensGenerated: number | null;
  /** When the answering call began, RFC 3339; null: not known. */
  readonly askedAt: string | null;
}

export interface FailedCell extends CellTry {
  readonly code: string;
}

export interface ResubmittedCell extends FailedCell {
  readonly pauseMs: number;
}

export interface SettledCell {
  readonly cellNo: number;
  readonly questionNo: number;
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly cellAttempt: number;
  readonly attempts: number;
  readonly jobId: string | null;
  readonly answeredRegion: string | null;
  readonly inferenceTimeS: number | null;
}

const RETURNING = `
  RETURNING cells.cell_no AS "cellNo", question_no AS "questionNo", question_id AS "questionId", model, region,
            repeat, cells.cell_attempt AS "cellAttempt", attempts, job_id AS "jobId",
            cells.answered_region AS "answeredRegion", cells.inference_time_s AS "inferenceTimeS"`;

const MATCHES = `
  WHERE cells.run_id = $1 AND cells.cell_no = given.cell_no AND cells.cell_attempt = given.cell_attempt
    AND cells.state = 'submitted'`;

/**
 * The caller has locked the run.
 * @returns the cells that were waiting for this answer; for any other nothing changes
 */
export async function acceptAnswers(
  client: Queryable,
  runId: string,
  answers: readonly AcceptedAnswer[],
): Promise<SettledCell[]> {
  const { rows } = await client.query<SettledCell>(
    `UPDATE cells
        SET state = 'accepted', finished_at = now(), attempts = attempts + given.job_attempts, error_code = NULL,
            answer = given.answer, answered_region = given.answered_region, endpoint_id = given.endpoint_id,
            inference_time_s = given.inference_time_s, tokens_generated = given.tokens_generated,
            asked_at = given.asked_at
       FROM unnest($2::integer[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::float8[],
                   $9::integer[], $10::timestamptz[])
         AS given (cell_no, cell_attempt, job_attempts, answer, answered_region, endpoint_id, inference_time_s,
                   tokens_generated, asked_at)
      ${MATCHES} ${RETURNING}`,
    [
      runId,
      ...tries(answers),
      answers.map(({ answer }) => answer),
      answers.map(({ answeredRegion }) => answeredRegion),
      answers.map(({ endpointId }) => endpointId),
      answers.map(({ inferenceTimeS }) => inferenceTimeS),
      answers.map(({ tokensGenerated }) => tokensGenerated),
      answers.map(({ askedAt }) => askedAt),
    ],
  );
  await noteSkews(
    client,
    runId,
    rows.map(({ cellNo }) => cellNo),
  );
  return rows;
}

/** Gives cells up. `cancelled` closes a cell whose run is ending; it is no failure of its own. */
export async function closeCells(
  client: Queryable,
  runId: string,
  state: 'failed' | 'cancelled',
  cells: readonly FailedCell[],
): Promise<SettledCell[]> {
  const { rows } = await client.query<SettledCell>(
    `UPDATE cells
        SET state = $5, finished_at = now(), attempts = attempts + given.job_attempts, error_code = given.code
       FROM unnest($2::integer[], $3::integer[], $4::integer[], $6::text[])
         AS given (cell_no, cell_attempt, job_attempts, code)
      ${MATCHES} ${RETURNING}`,
    [runId, ...tries(cells), state, cells.map(({ code }) => code)],
  );
  return rows;
}

/** Puts cells back: each gets another job once its pause is over. */
export async function putCellsBack(
  client: Queryable,
  runId: string,
  cells: readonly ResubmittedCell[],
): Promise<SettledCell[]> {
  const { rows } = await client.query<SettledCell>(
    `UPDATE cells
        SET state = 'pending', cell_attempt = cells.cell_attempt + 1, job_id = NULL,
            attempts = attempts + given.job_attempts, error_code = given.code,
            not_before = clock_timestamp() + given.pause_ms * interval '1 millisecond'
       FROM unnest($2::integer[], $3::integer[], $4::integer[], $5::text[], $6::float8[])
         AS given (cell_no, cell_attempt, job_attempts, code, pause_ms)
      ${MATCHES} ${RETURNING}`,
    [runId, ...tries(cells), cells.map(({ code }) => code), cells.map(({ pauseMs }) => pauseMs)],
  );
  return rows;
}

/** Cell attempts before the run was reopened; cells that have none are left out. */
export async function readTriesBefore(
  client: Queryable,
  runId: string,
  cellNos: readonly number[],
): Promise<Map<number, number>> {
  const { rows } = await client.query<{ cellNo: number; triesBefore: number }>(
    `SELECT cell_no AS "cellNo", tries_before AS "triesBefore"
       FROM cells WHERE run_id = $1 AND cell_no = ANY ($2) AND tries_before > 0`,
    [runId, cellNos],
  );
  return new Map(rows.map(({ cellNo, triesBefore }) => [cellNo, triesBefore]));
}

function tries(cells: readonly CellTry[]): unknown[] {
  return [
    cells.map(({ cellNo }) => cellNo),
    cells.map(({ cellAttempt }) => cellAttempt),
    cells.map(({ jobAttempts }) => jobAttempts),
  ];
}

/** Checkpoint: marks those of the questions whose cells are now all closed. */
export async function completeQuestions(
  client: Queryable,
  runId: string,
  questionNos: readonly number[],
): Promise<{ questionId: string }[]> {
  const { rows } = await client.query<{ questionId: string }>(
    `UPDATE run_questions AS question SET completed_at = now()
      WHERE run_id = $1 AND question_no = ANY ($2) AND completed_at IS NULL
        AND NOT EXISTS (SELECT FROM cells
                         WHERE cells.run_id = $1 AND cells.question_no = question.question_no
                           AND state IN ('pending','submitted'))
      RETURNING question_id AS "questionId"`,
    [runId, questionNos],
  );
  return rows;
}
