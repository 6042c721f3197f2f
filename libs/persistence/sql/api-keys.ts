import type { KeyLimits, Role } from '#domain';
import type { Queryable } from '../database.js';

/** Times are Unix ms. */
export interface ApiKeyRow {
  readonly key_id: string;
  readonly name: string;
  readonly tenant: string;
  /** Hex. */
  readonly hash: string;
  readonly roles: readonly Role[];
  readonly limits: KeyLimits;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
  readonly revoked_at_ms: number | null;
  readonly replaces: string | null;
}

const COLUMNS = `key_id, name, tenant, hash, roles, limits, replaces,
  (extract(epoch FROM created_at) * 1000)::float8 AS created_at_ms,
  (extract(epoch FROM expires_at) * 1000)::float8 AS expires_at_ms,
  (extract(epoch FROM revoked_at) * 1000)::float8 AS revoked_at_ms`;

/**
 * What tells whether any key has changed since, and the database's time. One look at a small table: of all that stands in
 * it, because changes are not committed in the order of their times, and a revocation must not be missed.
 */
export async function readKeysStamp(database: Queryable): Promise<{ stamp: string; nowMs: number }> {
  const { rows } = await database.query<{ stamp: string; nowMs: number }>(
    `SELECT count(*) || '@' || coalesce(sum(hashtextextended(api_keys::text, 0)), 0) AS stamp,
            (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "nowMs" FROM api_keys`,
  );
  return rows[0] ?? { stamp: '', nowMs: 0 };
}

/** Those that were revoked and those that expired included. Oldest first. */
export async function readApiKeys(database: Queryable): Promise<ApiKeyRow[]> {
  const { rows } = await database.query<ApiKeyRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM api_keys ORDER BY created_at, key_id`,
  );
  return rows;
}

export interface NewApiKey {
  readonly keyId: string;
  readonly name: string;
  readonly tenant: string;
  readonly hash: string;
  readonly roles: readonly Role[];
  readonly limits: KeyLimits;
  /** null: never. */
  readonly expiresInS: number | null;
  readonly replaces: string | null;
}

export async function insertApiKey(database: Queryable, key: NewApiKey): Promise<ApiKeyRow> {
  const { keyId, name, tenant, hash, roles, limits, expiresInS, replaces } = key;
  const { rows } = await database.query<ApiKeyRow & Record<string, unknown>>(
    `INSERT INTO api_keys (key_id, name, tenant, hash, roles, limits, expires_at, replaces)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8), $8)
     RETURNING ${COLUMNS}`,
    [keyId, name, tenant, hash, roles, JSON.stringify(limits), expiresInS, replaces],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the key was not stored');
  return row;
}

/** A key of the file, so that it can be revoked here. Where somebody else does so now, he is waited for, and his row stays. */
export async function keepFileKey(database: Queryable, key: Omit<NewApiKey, 'expiresInS'>): Promise<void> {
  const { keyId, name, tenant, hash, roles, limits, replaces } = key;
  await database.query(
    `INSERT INTO api_keys (key_id, name, tenant, hash, roles, limits, replaces)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key_id) DO NOTHING`,
    [keyId, name, tenant, hash, roles, JSON.stringify(limits), replaces],
  );
}

/** @returns whether this revoked it; one that was revoked before keeps its time */
export async function revokeApiKey(database: Queryable, keyId: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1 AND revoked_at IS NULL`,
    [keyId],
  );
  return (rowCount ?? 0) > 0;
}

/**
 * Ends a key's time after `overlapS` seconds, unless it ends sooner anyway.
 * @returns whether there was anything to end: a key that was revoked or has expired has no successor
 */
export async function retireApiKey(database: Queryable, keyId: string, overlapS: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE api_keys
        SET expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $2::float8))
      WHERE key_id = $1 AND revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true)`,
    [keyId, overlapS],
  );
  return rowCount === 1;
}
