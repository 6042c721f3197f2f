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

interface CountRow extends StateCounts {
  readonly questionNo: number | null;
  readonly pairNo: number | null;
}

// One pass over an index; grouped twice, once per question and once per pair.
const COUNT_CELLS = `
  SELECT question_no AS "questionNo", pair_no AS "pairNo",
         count(*) FILTER (WHERE state = 'pending')::integer AS pending,
         count(*) FILTER (WHERE state = 'submitted')::integer AS submitted,
         count(*) FILTER (WHERE state = 'accepted')::integer AS accepted,
         count(*) FILTER (WHERE state = 'failed')::integer AS failed,
         count(*) FILTER (WHERE state = 'cancelled')::integer AS cancelled
    FROM cells WHERE run_id = $1
   GROUP BY GROUPING SETS ((question_no), (pair_no))
   ORDER BY question_no, pair_no`;

const COUNT_SUBSTITUTES = `
  SELECT pair_no AS "pairNo", count(*)::integer AS substituted
    FROM cells WHERE run_id = $1 AND substituted
   GROUP BY pair_no`;

const QUESTION_IDS = `SELECT question_no AS "questionNo", question_id AS "questionId"
                        FROM run_questions WHERE run_id = $1 ORDER BY question_no`;

export interface RunProgress {
  readonly questions: readonly QuestionProgress[];
  readonly pairs: readonly PairProgress[];
}

/** @param substitutable the run's policy lets answers come from other regions */
export async function countCells(
  database: Queryable,
  runId: string,
  substitutable: boolean,
): Promise<RunProgress> {
  const [counts, questionIds, substitutes] = await Promise.all([
    database.query<CountRow>(COUNT_CELLS, [runId]),
    database.query<{ questionNo: number; questionId: string }>(QUESTION_IDS, [runId]),
    substitutable
      ? database.query<{ pairNo: number; substituted: number }>(COUNT_SUBSTITUTES, [runId])
      : Promise.resolve({ rows: [] }),
  ]);
  const idOf = new Map(questionIds.rows.map(({ questionNo, questionId }) => [questionNo, questionId]));
  const substitutedOf = new Map(substitutes.rows.map(({ pairNo, substituted }) => [pairNo, substituted]));
  const questions: QuestionProgress[] = [];
  const pairs: PairProgress[] = [];
  for (const { questionNo, pairNo, ...states } of counts.rows) {
    if (questionNo !== null)
      questions.push({ questionNo, questionId: idOf.get(questionNo) ?? '', ...states });
    if (pairNo !== null) pairs.push({ pairNo, substituted: substitutedOf.get(pairNo) ?? 0, ...states });
  }
  return { questions, pairs };
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
