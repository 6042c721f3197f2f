import type { Queryable } from '../database.js';

/** @returns undefined where there is no such job */
export async function readJobTenant(database: Queryable, jobId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ tenant: string }>(`SELECT tenant FROM jobs WHERE id = $1`, [jobId]);
  return rows[0]?.tenant;
}
