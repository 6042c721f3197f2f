import type { Queryable } from '../../database.js';

// By the try that is in flight or gave the answer: a cell that failed and was asked again is late.
const SKEW = `
  SELECT question_no AS "questionNo", max(skew_s)::float8 AS "skewS"
    FROM (SELECT question_no, extract(epoch FROM max(submitted_at) - min(submitted_at)) AS skew_s
            FROM cells WHERE run_id = $1 AND state IN ('submitted','accepted')
           GROUP BY question_no, repeat, model) AS asked
   GROUP BY question_no`;

/** By question, how far apart the regions were asked: the worst of its repeats and models, in seconds. */
export async function readSkews(database: Queryable, runId: string): Promise<Map<number, number>> {
  const { rows } = await database.query<{ questionNo: number; skewS: number }>(SKEW, [runId]);
  return new Map(rows.map(({ questionNo, skewS }) => [questionNo, skewS]));
}
