import {
  controlValueOf,
  type ChangeCause,
  type Control,
  type ControlChange,
  type ControlKind,
  type ControlState,
} from '#domain';
import type { Queryable } from '../database.js';

/** A state as the tables keep it. */
interface StoredState {
  readonly value: unknown;
  readonly reason: string | null;
  readonly actor: string;
  readonly tenant: string;
  readonly since_ms: number;
  readonly until_ms: number | null;
}

export interface ControlsInForce {
  readonly controls: readonly Control[];
  /** The latest change of all; whoever holds a later one has newer news. 0: there was none. */
  readonly version: number;
  /** The time of something is over, and nobody has ended it yet. */
  readonly isDue: boolean;
}

export async function readControls(database: Queryable): Promise<ControlsInForce> {
  const { rows } = await database.query<{
    version: number;
    kind: ControlKind | null;
    target: string;
    state: StoredState;
    change_id: number;
    is_due: boolean;
  }>(
    `SELECT latest.version, kind, target, state, change_id::float8 AS change_id,
            coalesce(until <= clock_timestamp(), false) AS is_due
       FROM (SELECT coalesce(max(change_id), 0)::float8 AS version FROM control_changes) AS latest
       LEFT JOIN controls_in_force ON true
      ORDER BY kind, target`,
  );
  const controls = rows.flatMap(({ kind, target, state, change_id: changeId }): Control[] => {
    const known = kind === null ? undefined : stateOf(kind, state);
    return kind === null || known === undefined ? [] : [{ ...known, kind, target, changeId }];
  });
  return { controls, version: rows[0]?.version ?? 0, isDue: rows.some(({ is_due }) => is_due) };
}

/** @returns the value that operators have put in force; undefined: the configured one holds */
export async function readSettingInForce(database: Queryable, name: string): Promise<number | undefined> {
  const { rows } = await database.query<{ state: StoredState }>(
    `SELECT state FROM controls_in_force WHERE kind = 'setting' AND target = $1`,
    [name],
  );
  const value = controlValueOf('setting', rows[0]?.state.value);
  return value?.kind === 'setting' ? value.value : undefined;
}

export interface WantedChange {
  readonly kind: ControlKind;
  readonly target: string;
  /** null: nothing is to be in force any more. */
  readonly after: ControlState | null;
  readonly cause: ChangeCause;
  readonly undoes: number | null;
  /** Who changes it, which is not always who is named in `after`. */
  readonly actor: string;
  readonly tenant: string;
  readonly reason: string | null;
  readonly requestId: string | null;
}

/** Changes one thing, and remembers what it was. Only under the admission lock: changes have one sequence. */
export async function changeControl(database: Queryable, change: WantedChange): Promise<ControlChange> {
  const { kind, target, after, cause, undoes, actor, tenant, reason, requestId } = change;
  const stored = after === null ? null : JSON.stringify(storedOf(after));
  const { rows } = await database.query<{ change_id: number; before: StoredState | null }>(
    `INSERT INTO control_changes (kind, target, before, after, cause, undoes, actor, tenant, reason, request_id)
     VALUES ($1, $2, (SELECT state FROM controls_in_force WHERE kind = $1 AND target = $2), $3::jsonb, $4, $5, $6, $7, $8, $9)
     RETURNING change_id::float8 AS change_id, before`,
    [kind, target, stored, cause, undoes, actor, tenant, reason, requestId],
  );
  const [inserted] = rows;
  if (inserted === undefined) throw new Error('a change was not stored');
  const { change_id: changeId, before } = inserted;
  if (after === null)
    await database.query(`DELETE FROM controls_in_force WHERE kind = $1 AND target = $2`, [kind, target]);
  else
    await database.query(
      `INSERT INTO controls_in_force (kind, target, state, until, change_id)
       VALUES ($1, $2, $3::jsonb, to_timestamp($4::float8 / 1000), $5)
       ON CONFLICT (kind, target) DO UPDATE
          SET state = excluded.state, until = excluded.until, change_id = excluded.change_id`,
      [kind, target, stored, after.untilMs, changeId],
    );
  return { changeId, kind, target, before: before === null ? null : (stateOf(kind, before) ?? null), after };
}

/** A change with how it came about. */
export interface StoredChange extends ControlChange {
  readonly atMs: number;
  readonly cause: ChangeCause;
  readonly undoes: number | null;
  readonly actor: string;
  readonly reason: string | null;
}

interface ChangeRow extends Record<string, unknown> {
  readonly change_id: number;
  readonly at_ms: number;
  readonly kind: ControlKind;
  readonly target: string;
  readonly before: StoredState | null;
  readonly after: StoredState | null;
  readonly cause: ChangeCause;
  readonly undoes: number | null;
  readonly actor: string;
  readonly reason: string | null;
}

const CHANGE_COLUMNS = `change_id::float8 AS change_id, (extract(epoch FROM at) * 1000)::float8 AS at_ms, kind, target,
            before, after, cause, undoes::float8 AS undoes, actor, reason`;

/** Newest first. @param beforeId the last one already seen */
export async function listChanges(
  database: Queryable,
  limit: number,
  beforeId: number | undefined,
): Promise<StoredChange[]> {
  const { rows } = await database.query<ChangeRow>(
    `SELECT ${CHANGE_COLUMNS} FROM control_changes
      WHERE change_id < coalesce($2::bigint, 9223372036854775807) ORDER BY control_changes.change_id DESC LIMIT $1`,
    [limit, beforeId ?? null],
  );
  return rows.map(changeOf);
}

/** A change, and the latest one of the same thing. */
export async function readChange(
  database: Queryable,
  changeId: number,
): Promise<{ change: StoredChange; latestId: number } | undefined> {
  const { rows } = await database.query<ChangeRow & { latest_id: number }>(
    `SELECT ${CHANGE_COLUMNS},
            (SELECT max(other.change_id)::float8 FROM control_changes AS other
              WHERE other.kind = control_changes.kind AND other.target = control_changes.target) AS latest_id
       FROM control_changes WHERE change_id = $1`,
    [changeId],
  );
  const [row] = rows;
  return row === undefined ? undefined : { change: changeOf(row), latestId: row.latest_id };
}

/** The latest change that somebody asked for and nobody has taken back. */
export async function latestChangeToUndo(database: Queryable): Promise<number | undefined> {
  const { rows } = await database.query<{ change_id: number }>(
    `SELECT change_id::float8 AS change_id FROM control_changes
      WHERE cause = 'asked'
        AND NOT EXISTS (SELECT FROM control_changes AS later
                         WHERE later.kind = control_changes.kind AND later.target = control_changes.target
                           AND later.change_id > control_changes.change_id)
      ORDER BY control_changes.change_id DESC LIMIT 1`,
  );
  return rows[0]?.change_id;
}

/** Things whose time is over. Only under the admission lock, as what changes them. */
export async function listDueControls(database: Queryable): Promise<{ kind: ControlKind; target: string }[]> {
  const { rows } = await database.query<{ kind: ControlKind; target: string }>(
    `SELECT kind, target FROM controls_in_force WHERE until <= clock_timestamp() ORDER BY until, kind, target`,
  );
  return rows;
}

/** Tickets at these endpoints that nobody has begun to work on. */
export async function findTicketsNotBegun(
  database: Queryable,
  endpointIds: readonly string[],
  limit: number,
): Promise<{ job_id: string; epoch: number; region: string; endpoint_id: string }[]> {
  const { rows } = await database.query<{
    job_id: string;
    epoch: number;
    region: string;
    endpoint_id: string;
  }>(
    `SELECT slots.job_id, slots.epoch, slots.region, slots.endpoint_id
       FROM slots JOIN jobs ON jobs.id = slots.job_id
      WHERE slots.endpoint_id = ANY ($1) AND slots.started_at IS NULL AND jobs.state = 'dispatched'
      LIMIT $2`,
    [endpointIds, limit],
  );
  return rows;
}

function changeOf(row: ChangeRow): StoredChange {
  const { kind, target, cause, undoes, actor, reason } = row;
  return {
    ...{ changeId: row.change_id, atMs: row.at_ms, kind, target, cause, undoes, actor, reason },
    before: row.before === null ? null : (stateOf(kind, row.before) ?? null),
    after: row.after === null ? null : (stateOf(kind, row.after) ?? null),
  };
}

function stateOf(kind: ControlKind, stored: StoredState): ControlState | undefined {
  const value = controlValueOf(kind, stored.value);
  if (value === undefined) return undefined;
  const { reason, actor, tenant, since_ms: sinceMs, until_ms: untilMs } = stored;
  return { value, reason, actor, tenant, sinceMs, untilMs };
}

function storedOf({ value, reason, actor, tenant, sinceMs, untilMs }: ControlState): StoredState {
  return { value, reason, actor, tenant, since_ms: sinceMs, until_ms: untilMs };
}
