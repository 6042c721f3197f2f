import type { RunStatus } from '#domain';
import type { Queryable } from '../../database.js';

// The caller of each has locked the run.

/** From now on nothing is submitted. The runner parks the run once its calls in flight have ended. */
export async function pauseRun(client: Queryable, runId: string): Promise<void> {
  await client.query(`UPDATE runs SET status = 'paused', parked = false WHERE id = $1`, [runId]);
}

export async function resumeRun(client: Queryable, runId: string, status: RunStatus): Promise<void> {
  await client.query(`UPDATE runs SET status = $2, parked = false WHERE id = $1`, [runId, status]);
}

/** @param parked none of the paused run's calls is in flight */
export async function setParked(client: Queryable, runId: string, parked: boolean): Promise<void> {
  await client.query(`UPDATE runs SET parked = $2 WHERE id = $1 AND parked <> $2`, [runId, parked]);
}

/** Whether a job of the run is in the router's hands. */
export async function hasJobsInFlight(client: Queryable, runId: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM cells
                     WHERE run_id = $1 AND state = 'submitted' AND job_id IS NOT NULL) AS found`,
    [runId],
  );
  return rows[0]?.found === true;
}
