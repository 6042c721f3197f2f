import type { Queryable } from '../database.js';

// Database time only: routers' clocks are not compared.

/** The holder of what was let go. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Who asked for what, as far as another try of the same is told by it. */
export interface RequestLikeness {
  readonly tenant: string;
  /** Hex. */
  readonly fingerprint: string;
}

export interface UnkeyedRequest extends RequestLikeness {
  readonly idempotencyKey: string;
  readonly jobs: number;
}

/**
 * Takes over a request like it that nobody waits for, or else notes it, before its jobs are made. Two never take over the
 * same.
 * @param beside where it may be noted: beside any like it, or where there is none like it
 * @param from whose requests may be taken over: those that were let go, or also those whose lease has run out
 * @returns the idempotency key of the one that was taken over, or else its own; undefined: neither, there are others
 */
export async function holdUnkeyed(
  database: Queryable,
  { idempotencyKey, tenant, fingerprint, jobs }: UnkeyedRequest,
  holder: string,
  leaseMs: number,
  beside: 'any' | 'none',
  from: 'released' | 'lapsed',
): Promise<string | undefined> {
  const { rows } = await database.query<{ key: string }>(
    `WITH taken AS (
            UPDATE unkeyed_requests
               SET holder = $5, held_until = clock_timestamp() + $6 * interval '1 millisecond'
             WHERE idempotency_key = (
                     SELECT idempotency_key FROM unkeyed_requests
                      WHERE fingerprint = decode($3, 'hex') AND tenant = $2 AND held_until <= clock_timestamp()
                        AND NOT given_up AND ($8 OR holder = $9)
                      ORDER BY held_until
                      LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING idempotency_key
          ), noted AS (
            INSERT INTO unkeyed_requests (idempotency_key, tenant, fingerprint, jobs, holder, held_until)
            SELECT $1, $2, decode($3, 'hex'), $4, $5, clock_timestamp() + $6 * interval '1 millisecond'
             WHERE NOT EXISTS (SELECT FROM taken)
               AND ($7 OR NOT EXISTS (
                     SELECT FROM unkeyed_requests
                      WHERE fingerprint = decode($3, 'hex') AND tenant = $2 AND NOT given_up))
         RETURNING idempotency_key
          )
     SELECT idempotency_key AS key FROM taken UNION ALL SELECT idempotency_key FROM noted`,
    [idempotencyKey, tenant, fingerprint, jobs, holder, leaseMs, beside === 'any', from === 'lapsed', NOBODY],
  );
  return rows[0]?.key;
}

/** Clients still wait for these. */
export async function renewUnkeyed(
  database: Queryable,
  keys: readonly string[],
  holder: string,
  leaseMs: number,
): Promise<void> {
  await database.query(
    `UPDATE unkeyed_requests SET held_until = clock_timestamp() + $3 * interval '1 millisecond'
      WHERE idempotency_key = ANY($1) AND holder = $2`,
    [keys, holder, leaseMs],
  );
}

/**
 * The client has gone without its answer: another try may take it over at once. It is nobody's then, so that a renewal
 * that is on its way does not hold it again.
 * @returns false: it was given up meanwhile, since its router seemed to have died
 */
export async function releaseUnkeyed(database: Queryable, key: string, holder: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE unkeyed_requests SET holder = $3, held_until = clock_timestamp()
      WHERE idempotency_key = $1 AND holder = $2 AND NOT given_up`,
    [key, holder, NOBODY],
  );
  if ((rowCount ?? 0) > 0) return true;
  // Not in one statement (decision 0029): where it was given up while the first one waited, that one could not tell.
  const { rows } = await database.query(
    `SELECT FROM unkeyed_requests WHERE idempotency_key = $1 AND NOT given_up`,
    [key],
  );
  return rows.length > 0;
}

/** The client has its answer. */
export async function settleUnkeyed(database: Queryable, key: string, holder: string): Promise<void> {
  await database.query(`DELETE FROM unkeyed_requests WHERE idempotency_key = $1 AND holder = $2`, [
    key,
    holder,
  ]);
}

/**
 * Gives up requests that nobody has come back for in time: from now on nobody takes them over. They stay until their jobs
 * are cancelled, so whoever dies on the way leaves them to the next, once the lease has run out.
 * @returns them, and those that another router has given up and left
 */
export async function giveUpUnkeyed(
  database: Queryable,
  returnMs: number,
  holder: string,
  leaseMs: number,
): Promise<UnkeyedRequest[]> {
  const { rows } = await database.query<UnkeyedRequest & Record<string, unknown>>(
    `UPDATE unkeyed_requests
        SET given_up = true, holder = $2, held_until = clock_timestamp() + $3 * interval '1 millisecond'
      WHERE idempotency_key IN (
              SELECT idempotency_key FROM unkeyed_requests
               WHERE held_until < clock_timestamp()
                                  - CASE WHEN given_up THEN 0 ELSE $1::float8 END * interval '1 millisecond'
               LIMIT 500 FOR UPDATE SKIP LOCKED)
  RETURNING idempotency_key AS "idempotencyKey", tenant, jobs, encode(fingerprint, 'hex') AS fingerprint`,
    [returnMs, holder, leaseMs],
  );
  return rows;
}

/** Forgets requests that were given up here, and whose jobs go on no more. */
export async function dropUnkeyed(
  database: Queryable,
  keys: readonly string[],
  holder: string,
): Promise<void> {
  await database.query(
    `DELETE FROM unkeyed_requests WHERE idempotency_key = ANY($1) AND holder = $2 AND given_up`,
    [keys, holder],
  );
}
