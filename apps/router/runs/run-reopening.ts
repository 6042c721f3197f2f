import type { Configuration } from '#config';
import {
  ProblemError,
  parseRequest,
  runExtendRequestSchema,
  runRetryRequestSchema,
  type RunExtendView,
  type RunRetryView,
} from '#contracts';
import {
  judgeExtension,
  judgeRetry,
  limitsFor,
  type Caller,
  type ReopenVerdict,
  type RunStatus,
} from '#domain';
import type { Logger } from '#observability';
import {
  addRepeats,
  appendRunEvents,
  findRun,
  lockRun,
  reopenRun,
  retryCells,
  type Database,
  type LockedRun,
  type RunEntity,
  type StoredRunPlan,
} from '#persistence';
import { raiseBudget, refuseUnpriced } from './run-budgets.js';
import { runNotFound } from './run-id.js';
import { WHOLE_BUDGET_RULES, type BudgetRules } from '../charter/charter-policy.js';
import type { DailyBudget } from '../ledger/daily-budget.js';
import { refuseRunOutsideKey } from '../limits/confinement.js';
import type { RunHints } from './run-hints.js';
import type { RunPlanner } from './run-planner.js';

/** Lets an ended run go on: what has no answer is asked again, or more repeats are asked for. */
export class RunReopening {
  constructor(
    private readonly database: Database,
    private readonly configuration: Configuration,
    private readonly planner: RunPlanner,
    private readonly hints: RunHints,
    private readonly logger: Logger,
    private readonly budget: DailyBudget,
  ) {}

  /**
   * @throws ProblemError RUN_NOT_FOUND, RUN_NOT_FINISHED, GATE_DECIDED, CONTENT_ERASED, VALIDATION_FAILED, and what refuses
   * a run that is posted: FORBIDDEN, BUDGET_EXHAUSTED
   */
  async retryFailed(
    runId: string,
    body: unknown,
    caller: Caller,
    rules: BudgetRules = WHOLE_BUDGET_RULES,
  ): Promise<RunRetryView> {
    const { budget } = parseRequest(runRetryRequestSchema, body ?? {});
    rules.refuseMoney('budget.usd', budget?.usd);
    const over = await this.budget.overBudget(caller);
    const { status, cells, reopened } = await this.database.transaction(async (client) => {
      const run = await lockRun(client, runId);
      if (run === undefined) throw runNotFound();
      refuseErased(run);
      const verdict = judgeRetry(run, run.retriedCells !== null);
      refuse(verdict, run.status);
      refuseUnpriced(budget, run.spec, this.configuration, rules.namesEndpoints);
      await raiseBudget(client, runId, run, budget);
      // A run that came to its end has every answer, whoever asked for the last ones.
      const repeated = run.status === 'completed' ? 0 : (run.retriedCells ?? 0);
      if (verdict.kind === 'unchanged') return { status: run.status, cells: repeated, reopened: false };
      refuseKey(caller, run, over);
      const count = await retryCells(client, runId);
      const next = await reopenRun(client, runId, count);
      await appendRunEvents(client, runId, [reopenedEvent('retry_failed', count)]);
      return { status: next, cells: count, reopened: true };
    });
    if (reopened) this.report(runId, 'retry_failed', cells);
    return { run_id: runId, status, retried_cells: cells };
  }

  /**
   * @throws ProblemError RUN_NOT_FOUND, RUN_NOT_FINISHED, RUN_FINISHED, GATE_DECIDED, CONTENT_ERASED, VALIDATION_FAILED, and
   * what refuses a run that is posted: FORBIDDEN, BUDGET_EXHAUSTED
   */
  async extend(
    runId: string,
    body: unknown,
    caller: Caller,
    rules: BudgetRules = WHOLE_BUDGET_RULES,
  ): Promise<RunExtendView> {
    const { repeats, budget } = parseRequest(runExtendRequestSchema, body);
    rules.refuseMoney('budget.usd', budget?.usd);
    const known = await findRun(this.database, runId);
    if (known === null) throw runNotFound();
    this.refuseRepeats(known, repeats);
    const judged = judgeExtension(known, known.spec.repeats, repeats);
    refuse(judged, known.status);
    if (judged.kind === 'reopen') refuseKey(caller, known, await this.budget.overBudget(caller));
    // Planned before the run is locked: it takes its time.
    const plan = await this.extendedPlan(known, repeats);
    const extended = await this.database.transaction(async (client) => {
      const run = await lockRun(client, runId);
      if (run === undefined) throw runNotFound();
      refuseErased(run);
      const verdict = judgeExtension(run, run.spec.repeats, repeats);
      refuse(verdict, run.status);
      refuseUnpriced(budget, run.spec, this.configuration, rules.namesEndpoints);
      await raiseBudget(client, runId, run, budget);
      if (verdict.kind === 'unchanged') return { status: run.status, added: 0 };
      // Somebody else has extended it, and it has ended again: this request was made for another run, so to say.
      if (run.spec.repeats !== known.spec.repeats) refuse({ kind: 'unfinished' }, run.status);
      const added = await addRepeats(client, runId, {
        ...{ spec: run.spec, totalCells: known.totalCells, repeats, plan },
      });
      const status = await reopenRun(client, runId, null);
      await appendRunEvents(client, runId, [reopenedEvent('extended', added)]);
      return { status, added };
    });
    const { status, added } = extended;
    if (added > 0) this.report(runId, 'extended', added);
    return {
      ...{ run_id: runId, status, repeats, added_cells: added },
      total_cells: cellsOf(known, repeats),
    };
  }

  private refuseRepeats(run: RunEntity, repeats: number): void {
    const { run_cells: cellsMax } = this.configuration.limits;
    const has = run.spec.repeats;
    if (repeats < has) throw wrongRepeats(`must be at least ${has}, which the run has`);
    const cells = cellsOf(run, repeats);
    if (repeats > has && cells > cellsMax)
      throw wrongRepeats(`makes ${cells} cells; the limit is ${cellsMax}`);
  }

  /** What the added cells take, in the run's own order; `cells_per_endpoint` counts all. */
  private async extendedPlan(run: RunEntity, repeats: number): Promise<StoredRunPlan> {
    const { plan } = run;
    if (repeats === run.spec.repeats) return plan;
    const added = await this.planner.planOfRepeats(run, repeats - run.spec.repeats);
    // Its endpoints have left the configuration: nobody knows what it would take.
    if (added === undefined) return plan;
    const cells: Record<string, number> = { ...plan.cells_per_endpoint };
    for (const [id, count] of Object.entries(added.cells_per_endpoint)) cells[id] = (cells[id] ?? 0) + count;
    return {
      ...added,
      order: plan.order,
      requested_order: plan.requested_order,
      reason: plan.reason,
      cells_per_endpoint: cells,
    };
  }

  private report(runId: string, reason: string, cells: number): void {
    this.logger.info({ event: 'run.reopened', run_id: runId, reason, cells }, 'run goes on');
    this.hints.request(runId);
    this.hints.announce(runId);
  }
}

function cellsOf({ totalCells, spec }: RunEntity, repeats: number): number {
  return (totalCells / spec.repeats) * repeats;
}

function reopenedEvent(reason: 'retry_failed' | 'extended', cells: number) {
  return { type: 'run.reopened', data: { reason, cells } };
}

function wrongRepeats(message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `repeats: ${message}`, [{ field: 'repeats', message }]);
}

/**
 * What refuses a run that is posted refuses one that is to go on: its jobs cost as much.
 * @param over why the caller's key may cost no more today
 */
function refuseKey(
  caller: Caller,
  run: Pick<RunEntity, 'keyId' | 'spec'>,
  over: ProblemError | undefined,
): void {
  const limits = limitsFor(caller, run.keyId);
  if (over !== undefined && limits.budget_micro_usd_per_day !== undefined) throw over;
  refuseRunOutsideKey(limits, run.spec);
}

function refuseErased({ erased }: Pick<LockedRun, 'erased'>): void {
  if (erased)
    throw new ProblemError('CONTENT_ERASED', 'contents of the run have been erased: it cannot go on');
}

function refuse(verdict: ReopenVerdict, status: RunStatus): void {
  switch (verdict.kind) {
    case 'unfinished':
      throw new ProblemError('RUN_NOT_FINISHED', `the run is ${status}`);
    case 'decided':
      throw new ProblemError('GATE_DECIDED', `the run is ${status}: what was decided at a gate is final`);
    case 'cancelled':
      throw new ProblemError('RUN_FINISHED', 'the run is cancelled: retry-failed takes that back first');
    case 'reopen':
    case 'unchanged':
  }
}
