import { randomUUID } from 'node:crypto';
import type { Configuration } from '#config';
import { ProblemError, parseRequest, runRequestSchema, type RunCreatedView } from '#contracts';
import type { Caller } from '#domain';
import type { Logger } from '#observability';
import { findRun, findRunByIdempotencyKey, insertRun, type Database, type RunEntity } from '#persistence';
import type { DailyBudget } from '../ledger/daily-budget.js';
import { WHOLE_BUDGET_RULES, type BudgetRules } from '../charter/charter-policy.js';
import { keyReused, parseIdempotencyKey, requestHash } from '../http/idempotency.js';
import { requestLimitsOf } from '../http/request-limits.js';
import { refuseRunOutsideKey } from '../limits/confinement.js';
import { resolveRun } from './resolve-run.js';
import type { RunHints } from './run-hints.js';
import { refuseUnpriced } from './run-budgets.js';
import { planLimitsOf, type RunPlanner } from './run-planner.js';

const NO_HASH = Buffer.alloc(0);

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
    const { plan, run } = await this.planner.planToStore(resolved, request.order, planLimitsOf(request));
    const { spec, questions, gates, totalCells } = run;
    const id = randomUUID();
    const inserted = await insertRun(this.database, {
      id,
      tenant,
      keyId,
      name: request.name,
      spec,
      plan,
      questions,
      gates,
      totalCells,
      idempotencyKey: key,
      requestHash: key === null ? null : hash,
    });
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
