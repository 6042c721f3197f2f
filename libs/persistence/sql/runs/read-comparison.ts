import type { CellState } from '#domain';
import type { Queryable } from '../../database.js';
import type { StoredRunSpec } from '../../entities/run.entity.js';
import { unmadeCells } from './unmade-cells.js';

export interface ComparedCell {
  readonly pairNo: number;
  readonly model: string;
  readonly region: string;
  readonly state: CellState;
  readonly answer: string | null;
  readonly answeredRegion: string | null;
  readonly substituted: boolean | null;
  /** null: it did not fail, or no code says why. */
  readonly errorCode: string | null;
  /** Its answer was there, and is erased. */
  readonly erased: boolean;
}

// What all answers before a row weigh decides whether it still fits: the first always does. Cells that have no rows yet
// are those of one round, by their numbers.
const COMPARED = `
  SELECT "pairNo", model, region, state, answer, "answeredRegion", substituted, "errorCode", erased
    FROM (SELECT pair_no AS "pairNo", model, region, state, answer, answered_region AS "answeredRegion", substituted,
                 error_code AS "errorCode", erased,
                 coalesce(sum(octet_length(answer)) OVER (ORDER BY pair_no ROWS BETWEEN UNBOUNDED PRECEDING
                                                                               AND 1 PRECEDING), 0) AS before_bytes
            FROM ((SELECT pair_no, model, region, state, answer, answered_region, substituted,
                          CASE WHEN state = 'failed' THEN error_code END AS error_code,
                          erased_at IS NOT NULL AS erased
                     FROM cells
                    WHERE run_id = $1 AND question_no = $2 AND repeat = $3 AND pair_no > $4
                    ORDER BY pair_no LIMIT $5)
                  UNION ALL
                  SELECT pair_no, model, region, state, NULL, NULL, NULL, NULL, false
                    FROM ${unmadeCells('$1', '$7::bigint', '$7::bigint + $8')} AS unmade
                   WHERE pair_no > $4) AS cell
           ORDER BY pair_no LIMIT $5) AS page
   WHERE before_bytes < $6
   ORDER BY "pairNo"`;

/** Cells of one question and repeat, pair by pair. At most `cellsMax` of them, and few where answers are long. */
export async function readComparedCells(
  client: Queryable,
  { id: runId, spec }: { readonly id: string; readonly spec: Pick<StoredRunSpec, 'repeats' | 'pairs'> },
  {
    questionNo,
    repeat,
    afterPairNo,
  }: { readonly questionNo: number; readonly repeat: number; readonly afterPairNo: number },
  cellsMax: number,
  answerBytesMax: number,
): Promise<ComparedCell[]> {
  const width = spec.pairs.length;
  const beforeRound = ((questionNo - 1) * spec.repeats + repeat - 1) * width;
  const { rows } = await client.query<ComparedCell & Record<string, unknown>>(COMPARED, [
    ...[runId, questionNo, repeat, afterPairNo, cellsMax, answerBytesMax],
    ...[beforeRound, width],
  ]);
  return rows;
}
