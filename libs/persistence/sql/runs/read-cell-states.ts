import type { Queryable } from '../../database.js';

export interface QuestionCells {
  readonly questionNo: number;
  readonly questionId: string;
  /** A letter a cell that has a row, repeat after repeat, in each pair after pair. */
  readonly letters: string;
  /** Of each failed cell in the same order; null: no code says why. */
  readonly codes: readonly (string | null)[];
}

/** Rows of a question's cells are made in this very order, so those that are missing are the last ones. */
const CELL_STATES = `
  SELECT question_no AS "questionNo", question_id AS "questionId",
         coalesce(letters, '') AS letters, coalesce(codes, '{}') AS codes
    FROM run_questions AS question,
         LATERAL (SELECT string_agg(CASE state WHEN 'pending' THEN 'p' WHEN 'submitted' THEN 'r'
                                               WHEN 'accepted' THEN CASE WHEN substituted THEN 's' ELSE 'a' END
                                               WHEN 'failed' THEN 'f' ELSE 'c' END,
                                    '' ORDER BY repeat, pair_no) AS letters,
                         array_agg(error_code ORDER BY repeat, pair_no) FILTER (WHERE state = 'failed') AS codes
                    FROM cells WHERE cells.run_id = $1 AND cells.question_no = question.question_no) AS stand
   WHERE run_id = $1 AND question_no > $2
   ORDER BY question_no LIMIT $3`;

/**
 * How the cells of some questions stand.
 * @returns `lastSeq`: every event up to it is in what was read; what came after may be, too
 */
export async function readCellStates(
  database: Queryable,
  runId: string,
  afterQuestionNo: number,
  questionsMax: number,
): Promise<{ readonly lastSeq: string; readonly questions: readonly QuestionCells[] }> {
  // First: an event that commits meanwhile is told again, and none is missed.
  const last = await database.query<{ seq: string }>(
    `SELECT seq FROM run_events WHERE run_id = $1 ORDER BY seq DESC LIMIT 1`,
    [runId],
  );
  const { rows } = await database.query<QuestionCells & Record<string, unknown>>(CELL_STATES, [
    ...[runId, afterQuestionNo, questionsMax],
  ]);
  return { lastSeq: last.rows[0]?.seq ?? '0', questions: rows };
}
