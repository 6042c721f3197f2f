import { FRESH_ENDPOINT, type AttemptErrorCode, type Breaker, type EndpointRecord } from '#domain';
import type { Queryable } from '../database.js';

export interface EndpointStateRow extends Record<string, unknown> {
  readonly endpoint_id: string;
  readonly told_window_ms: number | null;
  readonly breaker: Breaker | null;
  readonly consecutive_failures: number | null;
  readonly opens: number | null;
  readonly open_until_ms: number | null;
  readonly last_error_code: AttemptErrorCode | null;
  readonly warm_until_ms: number | null;
  readonly gpu_until_ms: number | null;
  readonly gpu_since_ms: number | null;
  readonly idle_since_ms: number | null;
  readonly releasing_until_ms: number | null;
  readonly turn_ended_at_ms: number | null;
  readonly release_ms: number | null;
}

export function recordOf(row: EndpointStateRow): EndpointRecord {
  return {
    ...(row.told_window_ms === null ? {} : { toldWindowMs: row.told_window_ms }),
    // Pauses are controls: whoever makes a view of this adds them.
    paused: FRESH_ENDPOINT.paused,
    breaker: row.breaker ?? FRESH_ENDPOINT.breaker,
    consecutiveFailures: row.consecutive_failures ?? FRESH_ENDPOINT.consecutiveFailures,
    opens: row.opens ?? FRESH_ENDPOINT.opens,
    openUntilMs: row.open_until_ms ?? FRESH_ENDPOINT.openUntilMs,
    lastErrorCode: row.last_error_code,
    warmUntilMs: row.warm_until_ms ?? FRESH_ENDPOINT.warmUntilMs,
    gpuUntilMs: row.gpu_until_ms ?? FRESH_ENDPOINT.gpuUntilMs,
    gpuSinceMs: row.gpu_since_ms ?? FRESH_ENDPOINT.gpuSinceMs,
    idleSinceMs: row.idle_since_ms ?? FRESH_ENDPOINT.idleSinceMs,
    releasingUntilMs: row.releasing_until_ms ?? FRESH_ENDPOINT.releasingUntilMs,
    turnEndedAtMs: row.turn_ended_at_ms ?? FRESH_ENDPOINT.turnEndedAtMs,
    releaseMs: row.release_ms,
  };
}

/** Writes what changed. Only under the admission lock, which is what makes read-then-write safe here. */
export async function writeEndpointRecords(
  database: Queryable,
  records: readonly { endpointId: string; record: EndpointRecord }[],
): Promise<void> {
  await database.query(
    `INSERT INTO endpoint_states (endpoint_id, breaker, consecutive_failures, opens, open_until,
                                  last_error_code, warm_until, gpu_until, gpu_since, idle_since,
                                  releasing_until, turn_ended_at, release_ms, updated_at)
     SELECT endpoint_id, breaker, consecutive_failures, opens, to_timestamp(open_until_ms / 1000),
            last_error_code, to_timestamp(warm_until_ms / 1000), to_timestamp(gpu_until_ms / 1000), to_timestamp(gpu_since_ms / 1000),
            to_timestamp(idle_since_ms / 1000), to_timestamp(releasing_until_ms / 1000), to_timestamp(turn_ended_at_ms / 1000),
            release_ms, clock_timestamp()
       FROM jsonb_to_recordset($1::jsonb) AS state (
              endpoint_id text, breaker text, consecutive_failures integer, opens integer,
              open_until_ms float8, last_error_code text, warm_until_ms float8, gpu_until_ms float8, gpu_since_ms float8,
              idle_since_ms float8, releasing_until_ms float8, turn_ended_at_ms float8, release_ms integer)
     ON CONFLICT (endpoint_id) DO UPDATE
        SET breaker = excluded.breaker, consecutive_failures = excluded.consecutive_failures,
            opens = excluded.opens, open_until = excluded.open_until,
            last_error_code = excluded.last_error_code, warm_until = excluded.warm_until, gpu_until = excluded.gpu_until,
            gpu_since = excluded.gpu_since, idle_since = excluded.idle_since, releasing_until = excluded.releasing_until,
            turn_ended_at = excluded.turn_ended_at, release_ms = excluded.release_ms,
            updated_at = excluded.updated_at`,
    [
      JSON.stringify(
        records.map(({ endpointId, record }) => ({
          endpoint_id: endpointId,
          breaker: record.breaker,
          consecutive_failures: record.consecutiveFailures,
          opens: record.opens,
          open_until_ms: record.openUntilMs,
          last_error_code: record.lastErrorCode,
          warm_until_ms: record.warmUntilMs,
          gpu_until_ms: record.gpuUntilMs,
          gpu_since_ms: record.gpuSinceMs,
          idle_since_ms: record.idleSinceMs,
          releasing_until_ms: record.releasingUntilMs,
          turn_ended_at_ms: record.turnEndedAtMs,
          release_ms: record.releaseMs === null ? null : Math.round(record.releaseMs),
        })),
      ),
    ],
  );
}
