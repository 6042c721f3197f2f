import type { OpenCell } from '#domain';
import type { Queryable } from '../../database.js';

export interface WindowCell extends OpenCell {
  readonly cellAttempt: number;
}

const OPEN_WINDOW = `
  SELECT cell.cell_no AS "cellNo", cell.question_no AS "questionNo", cell.pair_no AS "pairNo",
         region_no AS "regionNo", cell.state, cell.cell_attempt AS "cellAttempt",
         coalesce(greatest(0, extract(epoch FROM cell.not_before - clock_timestamp()) * 1000), 0)::float8 AS "restMs"
    FROM unnest($2::integer[], $3::integer[]) WITH ORDINALITY AS pair (region_no, cells_max, pair_no)
   CROSS JOIN LATERAL (
         SELECT * FROM cells
          WHERE run_id = $1 AND cells.pair_no = pair.pair_no AND state IN ('pending','submitted')
          ORDER BY cell_no
          LIMIT pair.cells_max) AS cell
   ORDER BY cell.cell_no`;

/**
 * The first open cells of each pair: all that `nextCells` needs, however large the run is.
 * @param regionNos region of each pair, as its position in the run's list
 * @param cellsMax by pair, how many of them
 */
export async function readOpenWindow(
  client: Queryable,
  runId: string,
  regionNos: readonly number[],
  cellsMax: readonly number[],
): Promise<WindowCell[]> {
  const { rows } = await client.query<WindowCell>(OPEN_WINDOW, [runId, regionNos, cellsMax]);
  return rows;
}

/** A cell that is in the router's hands, or on its way there. */
export interface SubmittedCell {
  readonly cellNo: number;
  readonly cellAttempt: number;
  readonly region: string;
  /** null: not known yet; asking again with the same idempotency key tells. */
  readonly jobId: string | null;
}

export async function readSubmittedCells(database: Queryable, runId: string): Promise<SubmittedCell[]> {
  const { rows } = await database.query<SubmittedCell>(
    `SELECT cell_no AS "cellNo", cell_attempt AS "cellAttempt", region, job_id AS "jobId"
       FROM cells WHERE run_id = $1 AND state = 'submitted' ORDER BY submitted_at, cell_no`,
    [runId],
  );
  return rows;
}

/** All that a cell's job is made of, the run's own settings aside. */
export interface CellContent {
  readonly cellNo: number;
  readonly cellAttempt: number;
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly text: string;
  readonly systems: Readonly<Record<string, string>> | null;
}

/** @returns nothing while the run is paused: a cell that is marked and not sent yet waits, too */
export async function readCellContents(
  database: Queryable,
  runId: string,
  cellNos: readonly number[],
): Promise<CellContent[]> {
  const { rows } = await database.query<CellContent>(
    `SELECT cell.cell_no AS "cellNo", cell.cell_attempt AS "cellAttempt", cell.question_id AS "questionId",
            cell.model, cell.region, cell.repeat, question.text, question.systems
       FROM cells AS cell JOIN run_questions AS question USING (run_id, question_no)
       JOIN runs ON runs.id = cell.run_id
      WHERE cell.run_id = $1 AND (runs.status <> 'paused' OR runs.ending IS NOT NULL) AND cell.cell_no = ANY ($2) AND cell.state = 'submitted' AND cell.job_id IS NULL
      ORDER BY cell.cell_no`,
    [runId, cellNos],
  );
  return rows;
}
