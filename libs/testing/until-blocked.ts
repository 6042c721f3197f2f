import type { Database } from '#persistence';
import { until } from './until.js';

/**
 * Waits until statements wait for a lock: their snapshot is older than whatever the holder of the lock commits.
 * @param statement a piece of their text, from the first 1024 bytes, which is all that `pg_stat_activity` keeps
 * @param atLeast how many of them
 * @throws as `until` does
 */
export async function untilBlocked(database: Database, statement: string, atLeast = 1): Promise<void> {
  await until(`blocked: ${statement}`, async () => {
    const { rows } = await database.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND strpos(query, $1) > 0`,
      [statement],
    );
    return rows.length >= atLeast;
  });
}
