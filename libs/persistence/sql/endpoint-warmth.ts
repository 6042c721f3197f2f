import type { RecentAttempt, WarmMode, WarmReason } from '#domain';
import type { Queryable } from '../database.js';

/** What is remembered of the window that an endpoint's platform was told. */
export interface StoredWarmth {
  readonly mode: WarmMode;
  readonly reason: WarmReason;
  /** Confirmed by the platform. */
  readonly windowMs: number;
  /** Unix ms. */
  readonly sinceMs: number;
  readonly toldMs: number;
}

/** @returns by endpoint; those whose platform was never told anything are absent */
export async function readWarmth(database: Queryable): Promise<Map<string, StoredWarmth>> {
  const { rows } = await database.query<{
    endpoint_id: string;
    mode: WarmMode;
    reason: WarmReason;
    window_ms: number;
    since_ms: number;
    told_ms: number;
  }>(
    `SELECT endpoint_id, mode, reason, window_ms, (extract(epoch FROM since) * 1000)::float8 AS since_ms,
            CASE WHEN told_at = '-infinity' THEN 0
                 ELSE (extract(epoch FROM told_at) * 1000)::float8 END AS told_ms
       FROM endpoint_warmth`,
  );
  return new Map(
    rows.map(({ endpoint_id, mode, reason, window_ms, since_ms, told_ms }) => [
      endpoint_id,
      { mode, reason, windowMs: window_ms, sinceMs: since_ms, toldMs: told_ms },
    ]),
  );
}

/** Attempts whose call began, of the latest that were admitted within the time; in no order. */
export async function readRecentAttempts(
  database: Queryable,
  endpointIds: readonly string[],
  withinMs: number,
  limitPerEndpoint: number,
): Promise<Map<string, RecentAttempt[]>> {
  const { rows } = await database.query<{
    endpoint_id: string;
    started_ms: number;
    finished_ms: number | null;
  }>(
    `SELECT wanted.endpoint_id, recent.started_ms, recent.finished_ms
       FROM unnest($1::text[]) AS wanted (endpoint_id)
      CROSS JOIN LATERAL (
              SELECT (extract(epoch FROM started_at) * 1000)::float8 AS started_ms,
                     (extract(epoch FROM finished_at) * 1000)::float8 AS finished_ms
                FROM attempts
               WHERE attempts.endpoint_id = wanted.endpoint_id
                 AND admitted_at > clock_timestamp() - make_interval(secs => $2 / 1000.0)
               ORDER BY admitted_at DESC
               LIMIT $3
            ) AS recent
      WHERE recent.started_ms IS NOT NULL`,
    [endpointIds, withinMs, limitPerEndpoint],
  );
  const attempts = new Map<string, RecentAttempt[]>();
  for (const { endpoint_id, started_ms, finished_ms } of rows) {
    const attempt = { startedMs: started_ms, finishedMs: finished_ms ?? undefined };
    attempts.set(endpoint_id, [...(attempts.get(endpoint_id) ?? []), attempt]);
  }
  return attempts;
}

/** A window that a platform is to be told. */
export interface WindowChange {
  readonly endpointId: string;
  readonly configuredMs: number;
  readonly windowMs: number;
}

/**
 * Claims the telling, for one router at a time, and counts the longer of both windows from now on: whatever becomes of
 * the telling, an idle container may hold its GPU for that long. Only under the admission lock.
 * @param claimMs the claim of a router that died ends by itself
 * @param marginMs a container that is about to go, or has just gone by our account, might be kept after all by a longer
 * window without counting: such a change has to wait for this long
 * @returns whether it may be told
 */
export async function claimWindowChange(
  database: Queryable,
  { endpointId, configuredMs, windowMs }: WindowChange,
  claimMs: number,
  marginMs: number,
): Promise<boolean> {
  const { rows } = await database.query<{ longer_ms: number }>(
    `WITH known AS (
            SELECT coalesce(max(greatest(ceiling_ms, $2)), $2) AS ceiling_ms,
                   coalesce(bool_or(changing_until > clock_timestamp()), false) AS changing
              FROM endpoint_warmth WHERE endpoint_id = $1
          ), claimed AS (
            INSERT INTO endpoint_warmth (endpoint_id, mode, window_ms, ceiling_ms, reason, changing_until)
            SELECT $1, 'configured', $2, greatest(ceiling_ms, $3), 'off',
                   clock_timestamp() + make_interval(secs => $4 / 1000.0)
              FROM known
             WHERE NOT changing
               -- A release that is under way is about to put the former window back.
               AND NOT EXISTS (SELECT FROM endpoint_states
                                WHERE endpoint_id = $1 AND releasing_until > clock_timestamp())
               AND ($3 <= ceiling_ms OR NOT EXISTS (
                     SELECT FROM endpoint_states
                      WHERE endpoint_id = $1
                        AND gpu_until BETWEEN clock_timestamp() - make_interval(secs => $5 / 1000.0)
                                          AND clock_timestamp() + make_interval(secs => $5 / 1000.0)))
            ON CONFLICT (endpoint_id) DO UPDATE
               SET ceiling_ms = excluded.ceiling_ms, changing_until = excluded.changing_until
            RETURNING ceiling_ms
          )
     SELECT claimed.ceiling_ms - known.ceiling_ms AS longer_ms FROM claimed, known`,
    [endpointId, configuredMs, windowMs, claimMs, marginMs],
  );
  const [claimed] = rows;
  if (claimed === undefined) return false;
  if (claimed.longer_ms > 0)
    await database.query(
      `UPDATE endpoint_states SET gpu_until = gpu_until + make_interval(secs => $2 / 1000.0)
        WHERE endpoint_id = $1 AND gpu_until > clock_timestamp()`,
      [endpointId, claimed.longer_ms],
    );
  return true;
}

/**
 * The platform confirmed. Until the next deploy, which brings back the configured window, an idle container stays for the
 * window: what is remembered of its idling is brought into line. Only under the admission lock.
 */
export async function confirmWindowChange(
  database: Queryable,
  { endpointId, configuredMs, windowMs }: WindowChange,
  mode: WarmMode,
  reason: WarmReason,
): Promise<void> {
  const { rows } = await database.query<{ former_ms: number }>(
    `WITH former AS (SELECT window_ms FROM endpoint_warmth WHERE endpoint_id = $1)
     UPDATE endpoint_warmth
        SET since = CASE WHEN mode = $3 THEN since ELSE clock_timestamp() END,
            mode = $3, reason = $4, window_ms = $2, ceiling_ms = $2,
            told_at = clock_timestamp(), changing_until = '-infinity'
       FROM former
      WHERE endpoint_id = $1
     RETURNING former.window_ms AS former_ms`,
    [endpointId, windowMs, mode, reason],
  );
  const inForceMs = Math.max(windowMs, configuredMs);
  const longerMs = inForceMs - Math.max(rows[0]?.former_ms ?? configuredMs, configuredMs);
  await database.query(
    `UPDATE endpoint_states
        SET gpu_until = least(gpu_until, clock_timestamp() + make_interval(secs => $2 / 1000.0)),
            warm_until = CASE WHEN warm_until > clock_timestamp()
                               AND NOT EXISTS (SELECT FROM slots WHERE slots.endpoint_id = $1)
                              THEN warm_until + make_interval(secs => $3 / 1000.0)
                              ELSE warm_until END
      WHERE endpoint_id = $1`,
    [endpointId, inForceMs, longerMs],
  );
}

/** Nobody knows which window is in force: the longer one goes on counting, and it is tried again later. */
export async function postponeWindowChange(
  database: Queryable,
  endpointId: string,
  retryMs: number,
): Promise<void> {
  await database.query(
    `UPDATE endpoint_warmth SET changing_until = clock_timestamp() + make_interval(secs => $2 / 1000.0)
      WHERE endpoint_id = $1`,
    [endpointId, retryMs],
  );
}
