import { subjects, type ControlEvent } from '#contracts';
import type { ChangeCause, ControlChange } from '#domain';
import { publishJson, type NatsConnection } from '#messaging';
import type { Logger, Metrics } from '#observability';

/** Leaves the trace of every change, after its commit: one log line, one metric, one event. */
export class ControlJournal {
  constructor(
    private readonly connection: NatsConnection,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  record(change: ControlChange, act: string, cause: ChangeCause, actor: string): void {
    const { changeId, kind, target, before, after } = change;
    const untilMs = after?.untilMs ?? null;
    this.metrics.count('beacon_control_changes_total', { kind, cause });
    this.logger.info(
      {
        ...{ event: 'control.changed', change_id: changeId, act, kind, target, cause, actor },
        before: before?.value ?? null,
        after: after?.value ?? null,
        until: untilMs === null ? null : new Date(untilMs).toISOString(),
      },
      'an operator, or time, changed what is in force',
    );
    const event: ControlEvent = { change_id: changeId, kind, target, cause, in_force: after !== null };
    publishJson(this.connection, subjects.CONTROL_EVENTS, event);
  }
}
