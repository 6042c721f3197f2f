import type { Queryable } from '../database.js';

/** @returns undefined where there is no such job */
export async function readJobTenant(database: Queryable, jobId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ tenant: string }>(`SELECT tenant FROM jobs WHERE id = $1`, [jobId]);
  return rows[0]?.tenant;
}

/** @returns the attempt that a job's ticket is out for; undefined: none is, or there is no such job */
export async function readCurrentAttempt(database: Queryable, jobId: string): Promise<number | undefined> {
  const { rows } = await database.query<{ attempt: number }>(`SELECT attempt FROM slots WHERE job_id = $1`, [
    jobId,
  ]);
  return rows[0]?.attempt;
}
