import type { CellState } from '#domain';
import type { Queryable } from '../../database.js';

export interface ComparedCell {
  readonly pairNo: number;
  readonly model: string;
  readonly region: string;
  readonly state: CellState;
  readonly answer: string | null;
  readonly answeredRegion: string | null;
  readonly substituted: boolean | null;
}

// What all answers before a row weigh decides whether it still fits: the first always does.
const COMPARED = `
  SELECT "pairNo", model, region, state, answer, "answeredRegion", substituted
    FROM (SELECT pair_no AS "pairNo", model, region, state, answer, answered_region AS "answeredRegion", substituted,
                 coalesce(sum(octet_length(answer)) OVER (ORDER BY pair_no ROWS BETWEEN UNBOUNDED PRECEDING
                                                                               AND 1 PRECEDING), 0) AS before_bytes
            FROM cells
           WHERE run_id = $1 AND question_no = $2 AND repeat = $3 AND pair_no > $4
           ORDER BY pair_no LIMIT $5) AS page
   WHERE before_bytes < $6
   ORDER BY "pairNo"`;

/** Cells of one question and repeat, pair by pair. At most `cellsMax` of them, and few where answers are long. */
export async function readComparedCells(
  client: Queryable,
  runId: string,
  {
    questionNo,
    repeat,
    afterPairNo,
  }: { readonly questionNo: number; readonly repeat: number; readonly afterPairNo: number },
  cellsMax: number,
  answerBytesMax: number,
): Promise<ComparedCell[]> {
  const { rows } = await client.query<ComparedCell & Record<string, unknown>>(COMPARED, [
    ...[runId, questionNo, repeat, afterPairNo, cellsMax, answerBytesMax],
  ]);
  return rows;
}
