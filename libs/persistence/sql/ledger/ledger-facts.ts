import type { Meter } from '#domain';
import type { Queryable } from '../../database.js';
import type { NewLedgerEntry } from './new-entry.js';

/** On whose behalf a call was made, and what is known of its time. All times are Unix ms of the database. */
export interface CalledJob {
  readonly jobId: string;
  readonly tenant: string;
  readonly keyId: string | null;
  readonly runId: string | null;
  readonly taskType: string | null;
  readonly model: string;
  /** Epoch of its slot; null: it has none. */
  readonly slotEpoch: number | null;
  /** Start of the call of this ticket. */
  readonly startedMs: number | null;
  /** Start of the first call of the attempt, where its ticket was issued again since. */
  readonly firstBeganMs: number | null;
  /** Last sign of life of the slot's holder, */
  readonly seenMs: number | null;
  /** and of the one before it. */
  readonly leftMs: number | null;
}

export interface StoredMeter {
  readonly meter: Meter;
  /** How long after its end the last call was recorded. */
  readonly lateMs: number;
  /** Where the last call changed nothing else, how long its container idles is known here alone. */
  readonly idleAtLeastUntilMs: number;
  /** The call that `meter.idleOf` names. */
  readonly idleOf: NewLedgerEntry | null;
}

export interface LedgerFacts {
  readonly jobs: ReadonlyMap<string, CalledJob>;
  /** Calls that have their entry. */
  readonly recorded: ReadonlySet<string>;
  /** By endpoint; one that was never called has none. */
  readonly meters: ReadonlyMap<string, StoredMeter>;
}

export interface StoredMeterRow {
  readonly endpointId: string;
  readonly closedUntilMs: number;
  readonly sessionFromMs: number;
  readonly chargedUntilMs: number;
  readonly isIdleCertain: boolean;
  readonly lateMs: number;
  readonly idleAtLeastUntilMs: number;
  readonly idleOf: NewLedgerEntry | null;
}

const METER_COLUMNS = `jsonb_build_object('endpointId', m.endpoint_id, 'closedUntilMs', m.closed_until_ms,
       'sessionFromMs', m.session_from_ms, 'chargedUntilMs', m.charged_until_ms, 'isIdleCertain', m.idle_certain,
       'lateMs', m.late_ms, 'idleAtLeastUntilMs', m.idle_at_least_until_ms, 'idleOf', m.idle_of)`;

function meterOf(row: StoredMeterRow): StoredMeter {
  const { closedUntilMs, sessionFromMs, chargedUntilMs, isIdleCertain, lateMs, idleAtLeastUntilMs, idleOf } =
    row;
  return {
    meter: { closedUntilMs, sessionFromMs, chargedUntilMs, isIdleCertain, idleOf: idleOf?.call_id ?? null },
    lateMs,
    idleAtLeastUntilMs,
    idleOf,
  };
}

/** One round trip, under the admission lock: nobody writes between this and what is made of it. */
export async function readLedgerFacts(
  database: Queryable,
  jobIds: readonly string[],
  callIds: readonly string[],
  endpointIds: readonly string[],
): Promise<LedgerFacts> {
  const { rows } = await database.query<{
    jobs: CalledJob[] | null;
    recorded: string[] | null;
    meters: StoredMeterRow[] | null;
  }>(
    `SELECT (SELECT jsonb_agg(jsonb_build_object('jobId', jobs.id, 'tenant', jobs.tenant, 'keyId', key_id, 'runId', run_id,
                      'taskType', task_type, 'model', model, 'slotEpoch', slots.epoch,
                      'startedMs', extract(epoch FROM slots.started_at) * 1000,
                      'firstBeganMs', extract(epoch FROM slots.first_began_at) * 1000,
                      'seenMs', extract(epoch FROM slots.seen_at) * 1000,
                      'leftMs', extract(epoch FROM slots.left_at) * 1000))
               FROM jobs LEFT JOIN slots ON slots.job_id = jobs.id
              WHERE jobs.id = ANY ($1::uuid[])) AS jobs,
            (SELECT jsonb_agg(call_id) FROM ledger_entries
              WHERE kind = 'call' AND call_id = ANY ($2::uuid[])) AS recorded,
            (SELECT jsonb_agg(${METER_COLUMNS}) FROM ledger_meters AS m
              WHERE m.endpoint_id = ANY ($3::text[])) AS meters`,
    [jobIds, callIds, endpointIds],
  );
  const [row] = rows;
  return {
    jobs: new Map((row?.jobs ?? []).map((job) => [job.jobId, job])),
    recorded: new Set(row?.recorded ?? []),
    meters: new Map((row?.meters ?? []).map((meter) => [meter.endpointId, meterOf(meter)])),
  };
}

/** An endpoint whose container has idled out: its window is over, or it was released. */
export interface IdleOut {
  readonly endpointId: string;
  readonly stored: StoredMeter;
  /** Unix ms. */
  readonly gpuUntilMs: number;
}

const IDLED_OUT = `
       FROM ledger_meters AS m LEFT JOIN endpoint_states AS s USING (endpoint_id)
      WHERE m.idle_of IS NOT NULL
        AND coalesce(s.gpu_until, '-infinity') <= clock_timestamp()
        AND m.idle_at_least_until_ms <= extract(epoch FROM clock_timestamp()) * 1000
        AND NOT EXISTS (SELECT FROM slots WHERE slots.endpoint_id = m.endpoint_id)`;

/** Whether anything is to be swept; asked without a lock. */
export async function hasIdledOut(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ found: boolean }>(`SELECT EXISTS (SELECT ${IDLED_OUT}) AS found`);
  return rows[0]?.found ?? false;
}

/** Only under the admission lock. */
export async function readIdledOut(database: Queryable): Promise<IdleOut[]> {
  const { rows } = await database.query<{ meter: StoredMeterRow; gpu_until_ms: number }>(
    `SELECT ${METER_COLUMNS} AS meter,
            CASE WHEN coalesce(s.gpu_until, '-infinity') = '-infinity' THEN 0
                 ELSE (extract(epoch FROM s.gpu_until) * 1000)::float8 END AS gpu_until_ms ${IDLED_OUT}`,
  );
  return rows.map(({ meter, gpu_until_ms: gpuUntilMs }) => ({
    endpointId: meter.endpointId,
    stored: meterOf(meter),
    gpuUntilMs,
  }));
}
