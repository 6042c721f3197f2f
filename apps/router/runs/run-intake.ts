import { randomUUID } from 'node:crypto';
import type { Configuration } from '#config';
import { ProblemError, parseRequest, runRequestSchema, type RunCreatedView } from '#contracts';
import type { Caller } from '#domain';
import type { Logger } from '#observability';
import {
  countUnfinishedRuns,
  findRun,
  findRunByIdempotencyKey,
  insertRun,
  type Database,
  type Queryable,
  type RunEntity,
} from '#persistence';
import type { DailyBudget } from '../ledger/daily-budget.js';
import { WHOLE_BUDGET_RULES, type BudgetRules } from '../charter/charter-policy.js';
import { keyReused, parseIdempotencyKey, requestHash } from '../http/idempotency.js';
import { requestLimitsOf } from '../http/request-limits.js';
import type { LimitLog } from '../limits/limit-log.js';
import { refuseRunOutsideKey } from '../limits/confinement.js';
import { resolveRun } from './resolve-run.js';
import type { RunHints } from './run-hints.js';
import { refuseUnpriced } from './run-budgets.js';
import { planLimitsOf, type RunPlanner } from './run-planner.js';

const NO_HASH = Buffer.alloc(0);
/** Nobody knows when one of the key's runs ends. */
const RETRY_AFTER_S = 60;

/** Accepts runs: a run is accepted once all that determines its cells is committed. */
export class RunIntake {
  private readonly schema: ReturnType<typeof runRequestSchema>;

  constructor(
    private readonly database: Database,
    private readonly configuration: Configuration,
    private readonly planner: RunPlanner,
    private readonly hints: RunHints,
    private readonly logger: Logger,
    private readonly budget: DailyBudget,
    /** Asked for at every run: operators change it. */
    private readonly unfinishedMax: () => number,
    private readonly limitLog: LimitLog | undefined,
  ) {
    this.schema = runRequestSchema(requestLimitsOf(configuration));
  }

  /** @throws ProblemError */
  async create(
    body: unknown,
    idempotencyKey: string | undefined,
    caller: Caller,
    rules: BudgetRules = WHOLE_BUDGET_RULES,
  ): Promise<RunCreatedView> {
    const { tenant, keyId } = caller;
    const key = parseIdempotencyKey(idempotencyKey, caller) ?? null;
    const request = parseRequest(this.schema, body);
    rules.refuseMoney('budget.usd', request.budget?.usd);
    // Only a key is held against it, and it takes its time where there are many questions.
    const hash = key === null ? NO_HASH : requestHash(request);
    if (key !== null) {
      const earlier = await this.findEarlier(tenant, key, hash);
      if (earlier !== undefined) return earlier;
    }
    await this.budget.refuseOverBudget(caller);
    const resolved = resolveRun(request, this.configuration);
    refuseRunOutsideKey(caller.limits, resolved.spec);
    refuseUnpriced(request.budget, resolved.spec, this.configuration, rules.namesEndpoints);
    const { plan, run, timeline } = await this.planner.planToStore(
      resolved,
      request.order,
      planLimitsOf(request),
    );
    const { spec, questions, gates, totalCells } = run;
    const id = randomUUID();
    const newRun = {
      id,
      tenant,
      keyId,
      name: request.name,
      spec,
      plan,
      plannedTimeline: timeline,
      questions,
      gates,
      totalCells,
      idempotencyKey: key,
      requestHash: key === null ? null : hash,
    };
    const inserted = await insertRun(this.database, newRun, undefined, (client) =>
      this.refuseTooMany(client, caller),
    );
    if (!inserted) {
      // Somebody with the same key was faster.
      const earlier = key === null ? undefined : await this.findEarlier(tenant, key, hash);
      if (earlier === undefined) throw new ProblemError('INTERNAL_ERROR', 'the run could not be stored');
      return earlier;
    }
    this.logger.info(
      { event: 'run.created', run_id: id, cells: totalCells, order: plan.order },
      'run accepted',
    );
    this.hints.request(id);
    this.hints.announce(id);
    return {
      run_id: id,
      status: 'planned',
      total_cells: totalCells,
      unavailable: [...spec.unavailable],
      plan,
      warnings: [],
    };
  }

  /** @throws ProblemError QUEUE_FULL where the run that was just inserted is one too many */
  private async refuseTooMany(client: Queryable, { keyId, tenant }: Caller): Promise<void> {
    const allowed = this.unfinishedMax();
    if (keyId === null || allowed === 0) return;
    const others = (await countUnfinishedRuns(client, keyId)) - 1;
    if (others < allowed) return;
    this.limitLog?.refused('runs_of_key', { key_id: keyId, tenant, allowed, unfinished: others });
    const limit = 'limits.unfinished_runs_per_key';
    const message = `key "${keyId}" may have ${allowed} runs that have not ended and has ${others}; cancel one, or try again when one has ended`;
    throw new ProblemError('QUEUE_FULL', `${limit}: ${message}`, [{ field: limit, message }], {
      retryAfterS: RETRY_AFTER_S,
    });
  }

  private async findEarlier(tenant: string, key: string, hash: Buffer): Promise<RunCreatedView | undefined> {
    const earlier = await findRunByIdempotencyKey(this.database, tenant, key);
    if (earlier === undefined) return undefined;
    if (!earlier.requestHash.equals(hash)) {
      throw keyReused();
    }
    const run = await findRun(this.database, earlier.runId);
    return run === null ? undefined : createdView(run);
  }
}

function createdView({ id, status, totalCells, spec, plan }: RunEntity): RunCreatedView {
  return {
    run_id: id,
    status,
    total_cells: totalCells,
    unavailable: [...spec.unavailable],
    plan,
    warnings: [],
  };
}
