import type { Logger, Metrics } from '#observability';
import { appendRunEvents, type NewRunEvent, type Queryable } from '#persistence';

/**
 * What one transaction did to a run: the rows of its event log, and, once committed, one log line for each.
 * Nothing is said about what was rolled back.
 */
export class RunJournal {
  private readonly events: NewRunEvent[] = [];

  constructor(private readonly runId: string) {}

  get isEmpty(): boolean {
    return this.events.length === 0;
  }

  add(type: string, data: Readonly<Record<string, unknown>>): void {
    this.events.push({ type, data });
  }

  async write(client: Queryable): Promise<void> {
    await appendRunEvents(client, this.runId, this.events);
  }

  /** Call after the commit. */
  report(logger: Logger, metrics: Metrics): void {
    for (const { type, data } of this.events) {
      logger.info({ event: type, run_id: this.runId, ...data }, type);
      if (type === 'cell.accepted' || type === 'cell.failed' || type === 'cell.retried') {
        metrics.count('beacon_run_cells_total', { outcome: type.slice('cell.'.length) });
      }
      if (type === 'run.budget_reached') metrics.count('beacon_run_budgets_reached_total', {});
      if (type === 'run.finished') metrics.count('beacon_runs_total', { status: String(data['status']) });
    }
  }
}
