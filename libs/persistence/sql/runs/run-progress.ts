import type { Queryable } from '../../database.js';

export interface StateCounts {
  readonly pending: number;
  readonly submitted: number;
  readonly accepted: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface QuestionProgress extends StateCounts {
  readonly questionNo: number;
  readonly questionId: string;
}

export interface PairProgress extends StateCounts {
  readonly pairNo: number;
  /** Accepted answers of another region. */
  readonly substituted: number;
}

// The counts are kept by the statements that change cells: reading them costs a row per question, not one per cell.
const QUESTIONS = `
  SELECT question_no AS "questionNo", question_id AS "questionId", pending, submitted, accepted, failed, cancelled
    FROM run_questions JOIN run_question_counts USING (run_id, question_no)
   WHERE run_id = $1 ORDER BY question_no`;

const PAIRS = `
  SELECT pair_no AS "pairNo", pending, submitted, accepted, failed, cancelled, substituted
    FROM run_pair_counts WHERE run_id = $1 ORDER BY pair_no`;

export interface RunProgress {
  readonly questions: readonly QuestionProgress[];
  readonly pairs: readonly PairProgress[];
}

export async function countCells(database: Queryable, runId: string): Promise<RunProgress> {
  const [questions, pairs] = await Promise.all([
    database.query<QuestionProgress & Record<string, unknown>>(QUESTIONS, [runId]),
    database.query<PairProgress & Record<string, unknown>>(PAIRS, [runId]),
  ]);
  return { questions: questions.rows, pairs: pairs.rows };
}

/** Open cells of one question, by pair. */
export async function countOpenOfQuestion(
  database: Queryable,
  runId: string,
  questionNo: number,
): Promise<Map<number, number>> {
  const { rows } = await database.query<{ pairNo: number; open: number }>(
    `SELECT pair_no AS "pairNo", count(*)::integer AS open FROM cells
      WHERE run_id = $1 AND question_no = $2 AND state IN ('pending','submitted') GROUP BY pair_no`,
    [runId, questionNo],
  );
  return new Map(rows.map(({ pairNo, open }) => [pairNo, open]));
}
