import type { CellCounts, CellState, RunEnding, RunStatus } from '#domain';
import type { Queryable } from '../../database.js';

// The caller of each has locked the run.

export async function startRun(client: Queryable, runId: string): Promise<void> {
  await client.query(`UPDATE runs SET status = 'running', started_at = now() WHERE id = $1`, [runId]);
}

export async function setRunStatus(
  client: Queryable,
  runId: string,
  status: Extract<RunStatus, 'running' | 'awaiting_approval'>,
): Promise<void> {
  await client.query(`UPDATE runs SET status = $2 WHERE id = $1`, [runId, status]);
}

/** Asks for an end. The first one asked for stays. */
export async function requestEnding(client: Queryable, runId: string, ending: RunEnding): Promise<void> {
  await client.query(`UPDATE runs SET ending = $2 WHERE id = $1 AND ending IS NULL`, [runId, ending]);
}

export async function finishRun(client: Queryable, runId: string, status: RunStatus): Promise<void> {
  await client.query(`UPDATE runs SET status = $2, finished_at = now() WHERE id = $1`, [runId, status]);
}

// Question by question, as they are counted: each count changes once, not once for each pair. `ORDER BY` leaves no choice
// of an index, whatever the database knows of the run; the list is made once, where a subquery could be run for each cell.
const CLOSE_PENDING = `
  UPDATE cells SET state = $3, error_code = $4, finished_at = now()
   WHERE run_id = $1 AND state = 'pending' AND cell_no = ANY (ARRAY(
         SELECT cell_no
           FROM (SELECT question_no FROM run_question_counts
                  WHERE run_id = $1 AND pending > 0 ORDER BY question_no LIMIT $2) AS open
          CROSS JOIN LATERAL (
                SELECT cell_no FROM cells
                 WHERE run_id = $1 AND question_no BETWEEN open.question_no AND open.question_no AND state = 'pending'
                 ORDER BY question_no LIMIT $2) AS cell
          LIMIT $2))`;

/** Closes cells that were never submitted, some at a time: the run stays locked only briefly. */
export async function closePendingCells(
  client: Queryable,
  runId: string,
  limit: number,
  state: Extract<CellState, 'cancelled' | 'failed'>,
  errorCode: string | null,
): Promise<number> {
  const { rowCount } = await client.query(CLOSE_PENDING, [runId, limit, state, errorCode]);
  return rowCount ?? 0;
}

export function cancelPendingCells(client: Queryable, runId: string, limit: number): Promise<number> {
  return closePendingCells(client, runId, limit, 'cancelled', null);
}

export async function countClosedCells(
  client: Queryable,
  runId: string,
): Promise<CellCounts & { cancelled: number }> {
  const { rows } = await client.query<CellCounts & { cancelled: number }>(
    `SELECT count(*) FILTER (WHERE state = 'accepted')::integer AS accepted,
            count(*) FILTER (WHERE state = 'failed')::integer AS failed,
            count(*) FILTER (WHERE state = 'cancelled')::integer AS cancelled
       FROM cells WHERE run_id = $1`,
    [runId],
  );
  return rows[0] ?? { accepted: 0, failed: 0, cancelled: 0 };
}

/** Runs that have something to do, oldest first. One that waits at a gate, or is parked, has not until it is decided. */
export async function listRunsToDrive(database: Queryable, limit: number): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM runs
      WHERE finished_at IS NULL AND (ending IS NOT NULL OR (status <> 'awaiting_approval' AND NOT parked))
      ORDER BY run_no LIMIT $1`,
    [limit],
  );
  return rows.map(({ id }) => id);
}
