import { ProblemError } from '#contracts';
import {
  planUndo,
  type Caller,
  type ControlChange,
  type ControlKind,
  type ControlState,
  type ControlValue,
} from '#domain';
import {
  appendAudit,
  changeControl,
  latestChangeToUndo,
  listDueControls,
  readChange,
  readControls,
  type Database,
} from '#persistence';
import { actOf } from '../access/act-of.js';
import type { Engine } from '../engine/engine.js';
import type { ControlJournal } from './control-journal.js';
import type { InForce } from './in-force.js';
import type { Withdrawals } from './withdrawals.js';

/** What one thing is to become. */
export interface ControlOrder {
  readonly kind: ControlKind;
  readonly target: string;
  /** null: nothing is to be in force any more. */
  readonly value: ControlValue | null;
  readonly reason: string | undefined;
  /** Seconds after which it ends by itself. */
  readonly forS: number | undefined;
  /** As the audit log has it: `endpoint.paused`. */
  readonly act: string;
}

/** Whose doing the end of a time is, in the audit log. */
const BY_ITSELF = 'beacon';

/**
 * Changes what is in force: under the admission lock, with its audit entry in the same transaction, committed before it
 * is answered. This router goes by it at once, the others hear of it.
 */
export class ControlDesk {
  constructor(
    private readonly database: Database,
    private readonly inForce: InForce,
    private readonly engine: Pick<Engine, 'poke'>,
    private readonly withdrawals: Withdrawals,
    private readonly journal: ControlJournal,
  ) {}

  /** @returns undefined where nothing was in force and nothing is to be */
  async order(caller: Caller, order: ControlOrder): Promise<ControlChange | undefined> {
    const { kind, target, value, act, reason = null, forS } = order;
    const entry = actOf(caller, act, target);
    const { actor, tenant, requestId } = entry;
    const change = await this.database.admissionTransaction(async (client, nowMs) => {
      if (value === null) {
        const { controls } = await readControls(client);
        if (!controls.some((known) => known.kind === kind && known.target === target)) return undefined;
      }
      const untilMs = forS === undefined ? null : nowMs + forS * 1000;
      const after: ControlState | null =
        value === null ? null : { value, reason, actor, tenant, sinceMs: nowMs, untilMs };
      const changed = await changeControl(client, {
        ...{ kind, target, after, cause: 'asked', undoes: null, actor, tenant, reason, requestId },
      });
      await appendAudit(client, { ...entry, detail: detailOf(changed, reason) });
      return changed;
    });
    if (change === undefined) return undefined;
    this.journal.record(change, act, 'asked', actor);
    await this.apply();
    return change;
  }

  /**
   * Restores what was in force before a change.
   * @param id `latest`: the latest that somebody asked for and nobody has taken back
   * @throws ProblemError CHANGE_NOT_FOUND, CHANGE_SUPERSEDED
   */
  async undo(caller: Caller, id: number | 'latest', reason: string | undefined): Promise<ControlChange> {
    const change = await this.database.admissionTransaction(async (client, nowMs) => {
      const wantedId = id === 'latest' ? await latestChangeToUndo(client) : id;
      const found = wantedId === undefined ? undefined : await readChange(client, wantedId);
      if (found === undefined)
        throw new ProblemError(
          'CHANGE_NOT_FOUND',
          id === 'latest' ? 'id: there is no change to take back' : `id: there is no change ${id}`,
        );
      const { changeId, kind, target } = found.change;
      const plan = planUndo(found.change, found.latestId, nowMs);
      if (plan.kind === 'refuse')
        throw new ProblemError(
          'CHANGE_SUPERSEDED',
          `id: change ${plan.laterChangeId} of ${target} came after ${changeId}; take that one back first`,
        );
      const entry = actOf(caller, 'change.undone', target);
      const { actor, tenant, requestId } = entry;
      const changed = await changeControl(client, {
        ...{ kind, target, after: plan.state, cause: 'undone', undoes: changeId },
        ...{ actor, tenant, reason: reason ?? null, requestId },
      });
      await appendAudit(client, { ...entry, detail: { ...detailOf(changed, reason), undoes: changeId } });
      return changed;
    });
    this.journal.record(change, 'change.undone', 'undone', actOf(caller, '', '').actor);
    await this.apply();
    return change;
  }

  /** Ends what has had its time. Any router may; under the lock the second one finds nothing left. */
  async endDue(): Promise<void> {
    const ended = await this.database.admissionTransaction(async (client) => {
      const changes: ControlChange[] = [];
      for (const { kind, target } of await listDueControls(client)) {
        const by = { actor: BY_ITSELF, tenant: BY_ITSELF, requestId: null };
        const reason = 'its time was over';
        const change = await changeControl(client, {
          ...{ ...by, kind, target, after: null, cause: 'ended', undoes: null, reason },
        });
        await appendAudit(client, { ...by, act: 'control.ended', target, detail: detailOf(change, reason) });
        changes.push(change);
      }
      return changes;
    });
    for (const change of ended) this.journal.record(change, 'control.ended', 'ended', BY_ITSELF);
    await this.apply();
  }

  /** Asks for tickets back that have not begun at endpoints which take nothing new. */
  async takeBack(endpointIds: readonly string[]): Promise<number> {
    const taken = await this.withdrawals.takeBack(endpointIds);
    if (taken > 0) this.engine.poke();
    return taken;
  }

  /** Committed is committed: where it cannot be read back now, the next poll does. */
  private async apply(): Promise<void> {
    await this.inForce.refresh(this.database).catch(() => undefined);
    this.engine.poke();
  }
}

function detailOf({ changeId, kind, before, after }: ControlChange, reason: string | null | undefined) {
  return {
    ...{ change_id: changeId, kind, reason: reason ?? null },
    before: before?.value ?? null,
    after: after?.value ?? null,
    until: timeOf(after?.untilMs),
  };
}

function timeOf(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : new Date(ms).toISOString();
}
