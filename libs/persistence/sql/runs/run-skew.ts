import type { Queryable } from '../../database.js';

// A round is one question and repeat: its cells are numbered pair by pair, so those of a model are found by their keys.
// An accepted cell never changes, so a round's skew only grows, and with it the question's: what is kept stays exact.
const NOTE = `
  WITH bounded AS MATERIALIZED (SELECT spec->'pairs' AS pairs FROM runs WHERE id = $1 AND spec ? 'max_skew_s'),
       touched AS MATERIALIZED (
         SELECT DISTINCT cell_no - pair_no AS before_round, question_no, model
           FROM cells WHERE run_id = $1 AND cell_no = ANY ($2) AND EXISTS (SELECT FROM bounded)),
       of_model AS MATERIALIZED (
         SELECT pair->>'model' AS model, pair_no::integer
           FROM bounded, jsonb_array_elements(pairs) WITH ORDINALITY AS given (pair, pair_no))
  INSERT INTO run_question_skews AS kept (run_id, question_no, skew_s)
  SELECT $1, question_no, max(skew_s)
    FROM (SELECT question_no, extract(epoch FROM max(asked_at) - min(asked_at)) AS skew_s
            FROM touched JOIN of_model USING (model)
           CROSS JOIN LATERAL (
                 SELECT asked_at FROM cells
                  WHERE run_id = $1 AND cell_no = touched.before_round + of_model.pair_no AND state = 'accepted' LIMIT 1) AS cell
           GROUP BY before_round, question_no, model
          HAVING count(asked_at) > 1) AS round
   GROUP BY question_no
  ON CONFLICT (run_id, question_no) DO UPDATE SET skew_s = excluded.skew_s WHERE kept.skew_s < excluded.skew_s`;

/**
 * Keeps what the answers that were just accepted mean for their questions, where the run bounds the skew. Answers are
 * accepted one step after the other: the caller has locked the run.
 */
export async function noteSkews(
  client: Queryable,
  runId: string,
  acceptedNos: readonly number[],
): Promise<void> {
  if (acceptedNos.length > 0) await client.query(NOTE, [runId, acceptedNos]);
}

/**
 * By question, how far apart the calls began that gave its regions' answers: the worst of its repeats and models, in
 * seconds. Questions without two answers to compare are left out, and so are all of a run that does not bound the skew.
 */
export async function readSkews(database: Queryable, runId: string): Promise<Map<number, number>> {
  // One row: ten thousand take their time on their way here.
  const { rows } = await database.query<{ questionNos: number[] | null; skews: number[] | null }>(
    `SELECT json_agg(question_no) AS "questionNos", json_agg(skew_s) AS skews
       FROM run_question_skews WHERE run_id = $1`,
    [runId],
  );
  const { questionNos, skews } = rows[0] ?? {};
  return new Map(questionNos?.map((questionNo, index) => [questionNo, skews?.[index] ?? 0]));
}
