import type { Configuration } from '#config';
import { parseRequest, runPlanRequestSchema, type RunForecastView } from '#contracts';
import type { RequestedOrder } from '#domain';
import { readEndpoints, readExecutionTimes, type Database, type StoredRunPlan } from '#persistence';
import { requestLimitsOf } from '../http/request-limits.js';
import type { PlanFacts } from './plan-input.js';
import { planRun, storedPlan } from './plan-run.js';
import { resolveRun, type ResolvedRun } from './resolve-run.js';
import { runForecast } from './run-forecast.js';

/** Says what a run would take, from what has been learned and from how the endpoints stand now. */
export class RunPlanner {
  private readonly schema: ReturnType<typeof runPlanRequestSchema>;

  constructor(
    private readonly database: Database,
    private readonly configuration: Configuration,
  ) {
    this.schema = runPlanRequestSchema(requestLimitsOf(configuration));
  }

  /** @throws ProblemError */
  async forecast(body: unknown): Promise<RunForecastView> {
    const { deadline_s: deadlineS, budget_usd: budgetUsd, ...request } = parseRequest(this.schema, body);
    const run = resolveRun(request, this.configuration);
    const limits = { deadlineMs: deadlineS === undefined ? undefined : deadlineS * 1000, budgetUsd };
    return runForecast(run, request, limits, this.configuration, await this.readFacts());
  }

  /** The plan that is kept with a run. */
  async planOf(run: ResolvedRun, requested: RequestedOrder): Promise<StoredRunPlan> {
    const facts = await this.readFacts();
    return storedPlan(requested, planRun(run, requested, this.configuration, facts));
  }

  async readFacts(): Promise<PlanFacts> {
    const [learned, stored] = await Promise.all([
      readExecutionTimes(this.database),
      readEndpoints(
        this.database,
        this.configuration.endpoints.map(({ id }) => id),
      ),
    ]);
    return { learned, stored, nowMs: Date.now() };
  }
}
