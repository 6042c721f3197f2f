import type { RunStatus } from '#domain';
import type { Queryable } from '../../database.js';
import type { StoredRunPlan, StoredRunSpec } from '../../entities/run.entity.js';

// The caller of each has locked the run, which has ended.

// A cell that was never submitted keeps its attempt: no job was made under its key. `tries_before` gives the others
// the tries of a new cell.
const RETRY_CELLS = `
  UPDATE cells
     SET state = 'pending', finished_at = NULL, job_id = NULL, not_before = NULL,
         cell_attempt = cell_attempt + (submitted_at IS NOT NULL)::integer,
         tries_before = cell_attempt - (submitted_at IS NULL)::integer,
         error_code = CASE WHEN submitted_at IS NOT NULL THEN error_code END
   WHERE run_id = $1 AND state IN ('failed','cancelled')`;

/** Makes pending what has no answer. @returns how many cells that are */
export async function retryCells(client: Queryable, runId: string): Promise<number> {
  const { rowCount } = await client.query(RETRY_CELLS, [runId]);
  return rowCount ?? 0;
}

// Numbered after all others: a cell keeps its number, and with it the keys of its jobs. Among themselves they
// are in the order in which a run's cells are.
const ADD_REPEATS = `
  INSERT INTO cells (run_id, cell_no, question_no, pair_no, question_id, model, region, repeat, pinned)
  SELECT $1,
         $2 + ((question.question_no - 1) * ($4 - $3) + (repeat - $3 - 1)) * cardinality($5::text[]) + pair_no,
         question.question_no, pair_no, question.question_id, model, region, repeat, $7
    FROM run_questions AS question
   CROSS JOIN generate_series($3::integer + 1, $4::integer) AS repeat
   CROSS JOIN unnest($5::text[], $6::text[]) WITH ORDINALITY AS pair (model, region, pair_no)
   WHERE question.run_id = $1`;

export interface Extension {
  readonly spec: StoredRunSpec;
  readonly totalCells: number;
  /** Repeats that it is to have in all. */
  readonly repeats: number;
  readonly plan: StoredRunPlan;
}

/** @returns how many cells were added */
export async function addRepeats(
  client: Queryable,
  runId: string,
  { spec, totalCells, repeats, plan }: Extension,
): Promise<number> {
  const inserted = await client.query(ADD_REPEATS, [
    ...[runId, totalCells, spec.repeats, repeats],
    spec.pairs.map(({ model }) => model),
    spec.pairs.map(({ region }) => region),
    spec.region_policy === 'pin',
  ]);
  const added = inserted.rowCount ?? 0;
  await client.query(
    `UPDATE runs SET total_cells = total_cells + $2, plan = $3,
                     spec = jsonb_set(spec, '{repeats}', to_jsonb($4::integer))
      WHERE id = $1`,
    [runId, added, JSON.stringify(plan), repeats],
  );
  return added;
}

/**
 * Lets an ended run go on. A gate that was waiting when the run ended is met anew, with its whole time to decide.
 * @param retriedCells null: it goes on for another reason
 */
export async function reopenRun(
  client: Queryable,
  runId: string,
  retriedCells: number | null,
): Promise<RunStatus> {
  await client.query(
    `UPDATE gates SET status = 'pending', waiting_since = NULL, expires_at = NULL
      WHERE run_id = $1 AND status = 'waiting'`,
    [runId],
  );
  await client.query(
    `UPDATE run_questions AS question SET completed_at = NULL
      WHERE run_id = $1 AND completed_at IS NOT NULL
        AND EXISTS (SELECT FROM cells
                     WHERE cells.run_id = $1 AND cells.question_no = question.question_no AND state = 'pending')`,
    [runId],
  );
  const { rows } = await client.query<{ status: RunStatus }>(
    `UPDATE runs SET status = CASE WHEN started_at IS NULL THEN 'planned' ELSE 'running' END,
                     ending = NULL, finished_at = NULL, parked = false, retried_cells = $2
      WHERE id = $1 RETURNING status`,
    [runId, retriedCells],
  );
  return rows[0]?.status ?? 'running';
}
