import type { Database } from '#persistence';
import { until } from './until.js';

/**
 * Waits until so many statements wait for locks that other transactions hold: whatever they have read by then, they have
 * read. @param statement a piece of their text, from its first thousand characters
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
