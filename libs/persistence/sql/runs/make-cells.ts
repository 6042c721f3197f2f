import type { CellState } from '#domain';
import type { Queryable } from '../../database.js';
import { unmadeCells } from './unmade-cells.js';

// Made where they are stored: 100,000 cells never cross the wire.
const MAKE_CELLS = `
  INSERT INTO cells (run_id, cell_no, question_no, pair_no, question_id, model, region, repeat, pinned,
                     state, finished_at)
  SELECT $1, cell_no, question_no, pair_no, question_id, model, region, repeat, pinned,
         $2::text, CASE WHEN $2 = 'cancelled' THEN now() END
    FROM ${unmadeCells('$1', '0', '(SELECT cells_made::bigint + $3 FROM runs WHERE id = $1)')} AS unmade`;

const NOTE_MADE = `
  UPDATE runs SET cells_made = CASE WHEN cells_made::bigint + $2 < total_cells THEN cells_made + $2::integer END
   WHERE id = $1 AND cells_made IS NOT NULL`;

/**
 * Makes the next cells of a run, in the order of their numbers. The run's row says how far it has come, so whoever goes
 * on after a crash makes none twice and leaves none out. The caller has locked the run.
 * @param state `cancelled`: the run is to end early, and they are closed before they were open
 */
export async function makeCells(
  client: Queryable,
  runId: string,
  limit: number,
  state: Extract<CellState, 'pending' | 'cancelled'>,
): Promise<void> {
  await client.query(MAKE_CELLS, [runId, state, limit]);
  await client.query(NOTE_MADE, [runId, limit]);
}
