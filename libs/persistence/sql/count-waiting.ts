import type { Queryable } from '../database.js';

/** Jobs that wait, of keys and in regions. */
export interface WaitingCounts {
  readonly ofKeys: ReadonlyMap<string, number>;
  readonly inRegions: ReadonlyMap<string, number>;
}

/** Index ranges only; their cost grows with what is counted. */
export async function countWaiting(
  database: Queryable,
  keyIds: readonly string[],
  regions: readonly string[],
): Promise<WaitingCounts> {
  const { rows } = await database.query<{ is_key: boolean; name: string; waiting: number }>(
    `SELECT true AS is_key, name,
            (SELECT count(*) FROM jobs WHERE key_id = name AND state IN ('queued', 'retrying'))::integer AS waiting
       FROM unnest($1::text[]) AS name
      UNION ALL
     SELECT false, name,
            (SELECT count(*) FROM jobs WHERE home_region = name AND state IN ('queued', 'retrying'))::integer
       FROM unnest($2::text[]) AS name`,
    [keyIds, regions],
  );
  const some = (isKey: boolean): ReadonlyMap<string, number> =>
    new Map(rows.filter((row) => row.is_key === isKey).map(({ name, waiting }) => [name, waiting]));
  return { ofKeys: some(true), inRegions: some(false) };
}
