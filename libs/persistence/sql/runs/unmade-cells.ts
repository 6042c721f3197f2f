/**
 * Cells of a run that have no rows yet, as a subquery: what they will be, computed from the run's own row and its questions.
 * They are numbered question by question, then repeat by repeat, then pair by pair. A round is all pairs of one
 * question and repeat. Each looks its question up as the first one from its number on: the order leaves no choice but the
 * primary key, where statistics that know nothing of a new run led to another index and through all of its questions.
 * @param runId, after, upTo SQL expressions: cells numbered above `after` and up to `upTo`
 */
export function unmadeCells(runId: string, after: string, upTo: string): string {
  return `
    (WITH bounds AS MATERIALIZED (
            SELECT greatest(cells_made, ${after}) AS after, least(total_cells::bigint, ${upTo}) AS up_to,
                   (spec->>'repeats')::integer AS repeats, jsonb_array_length(spec->'pairs') AS width,
                   spec->>'region_policy' = 'pin' AS pinned
              FROM runs WHERE id = ${runId} AND cells_made IS NOT NULL),
          pairs AS MATERIALIZED (
            SELECT pair->>'model' AS model, pair->>'region' AS region, pair_no::integer
              FROM runs, jsonb_array_elements(spec->'pairs') WITH ORDINALITY AS given (pair, pair_no)
             WHERE id = ${runId} AND cells_made IS NOT NULL)
     SELECT number::integer AS cell_no, question_no, pair_no, question_id, model, region,
            (round % repeats + 1)::integer AS repeat, pinned, 'pending' AS state
       FROM bounds
      CROSS JOIN LATERAL generate_series(after / width, (up_to - 1) / width) AS round
      CROSS JOIN LATERAL (
            SELECT question_no, question_id FROM run_questions
             WHERE run_id = ${runId} AND question_no >= round / repeats + 1
             ORDER BY question_no LIMIT 1) AS question
      CROSS JOIN pairs
      CROSS JOIN LATERAL (SELECT round * width + pair_no AS number) AS numbered
      WHERE number > after AND number <= up_to)`;
}
