import type { Configuration } from '#config';
import {
  parseRequest,
  runPlanRequestSchema,
  type CharterView,
  type RunForecastView,
  type RunRequest,
  type charterForecastSchema,
} from '#contracts';
import {
  coarseTimeline,
  mayAnswer,
  type Face,
  type OrderPlan,
  type PlanLimits,
  type RequestedOrder,
} from '#domain';
import {
  readEndpoints,
  readExecutionTimes,
  type Database,
  type RunEntity,
  type RunPair,
  type StoredPlannedLane,
  type StoredRunPlan,
  type StoredRunSpec,
} from '#persistence';
import { WHOLE_BUDGET_RULES, type BudgetRules } from '../charter/charter-policy.js';
import { charterForecast } from '../charter/forecast-face.js';
import { requestLimitsOf } from '../http/request-limits.js';
import type { InForce } from '../operations/in-force.js';
import type { PlanFacts } from './plan-input.js';
import { planRun, storedPlan } from './plan-run.js';
import { resolveRun, type ResolvedRun } from './resolve-run.js';
import { runForecast } from './run-forecast.js';

/** Says what a run would take, from what has been learned and from how the endpoints stand now. */
export class RunPlanner {
  private readonly schema: ReturnType<typeof runPlanRequestSchema>;

  constructor(
    private readonly database: Database,
    private readonly configured: Configuration,
    /** Left out: nobody changes anything while it runs. */
    private readonly inForce?: Pick<InForce, 'configuration' | 'ordersFor'>,
  ) {
    this.schema = runPlanRequestSchema(requestLimitsOf(configured));
  }

  private get configuration(): Configuration {
    return this.inForce?.configuration ?? this.configured;
  }

  /** @throws ProblemError */
  async forecast(body: unknown, rules: BudgetRules = WHOLE_BUDGET_RULES): Promise<RunForecastView> {
    const { view } = await this.forecastNaming(body, rules, (endpointId) => endpointId);
    return view;
  }

  /** The same for customers: places are told in place of endpoints. @throws ProblemError */
  async charterForecast(
    body: unknown,
    face: Face,
    rules: BudgetRules,
  ): Promise<CharterView<typeof charterForecastSchema>> {
    const { endpoints } = this.configuration;
    const { view, run } = await this.forecastNaming(body, rules, (endpointId) => {
      const endpoint = endpoints.find(({ id }) => id === endpointId);
      return endpoint === undefined ? 'a model' : `${endpoint.models.join(', ')} in ${endpoint.region}`;
    });
    return charterForecast(view, run.spec.pairs, this.configuration, face);
  }

  /** @param nameOf how endpoints are called in notes */
  private async forecastNaming(
    body: unknown,
    rules: BudgetRules,
    nameOf: (endpointId: string) => string,
  ): Promise<{ view: RunForecastView; run: ResolvedRun }> {
    const { budget_usd: budgetUsd, ...request } = parseRequest(this.schema, body);
    rules.refuseMoney('budget_usd', budgetUsd);
    rules.refuseMoney('budget.usd', request.budget?.usd);
    const run = resolveRun(request, this.configuration);
    const limits = planLimitsOf(
      budgetUsd === undefined ? request : { ...request, budget: { usd: budgetUsd } },
    );
    const view = runForecast(run, request, limits, this.configuration, await this.readFacts(), nameOf);
    return { view, run };
  }

  /** The plan that is kept with a run, and the run with its pairs in the sequence in which it submits them. */
  async planToStore(
    run: ResolvedRun,
    requested: RequestedOrder,
    limits: PlanLimits = {},
  ): Promise<{ plan: StoredRunPlan; run: ResolvedRun; timeline: StoredPlannedLane[] }> {
    const facts = await this.readFacts();
    const planned = planRun(run, requested, this.configuration, facts, limits);
    const plan = storedPlan(requested, planned);
    const timeline = plannedLanes(planned.forecast.orders[plan.order]);
    if (plan.order !== 'best') return { plan, run, timeline };
    return { plan, timeline, run: { ...run, spec: inSequence(run.spec, planned.forecast.best.pairs) } };
  }

  /**
   * The plan of more repeats for a run that has ended.
   * @returns undefined where an endpoint that it needs is not configured any more
   */
  async planOfRepeats(run: RunEntity, repeats: number): Promise<StoredRunPlan | undefined> {
    const { spec, totalCells, order } = run;
    const { endpoints } = this.configuration;
    const isServed = spec.pairs.every((pair) =>
      endpoints.some((endpoint) => mayAnswer(endpoint, pair, spec.region_policy)),
    );
    if (!isServed) return undefined;
    const questions = totalCells / spec.repeats / spec.pairs.length;
    const { plan } = await this.planToStore(
      {
        spec: { ...spec, repeats },
        // A plan counts questions; it does not read them.
        questions: Array.from({ length: questions }, (_, index) => ({
          id: String(index + 1),
          text: '',
          systems: null,
        })),
        // Every gate was passed when the run ended.
        gates: [],
        totalCells: questions * repeats * spec.pairs.length,
      },
      order,
    );
    return { ...plan, order };
  }

  async readFacts(): Promise<PlanFacts> {
    const [learned, stored] = await Promise.all([
      readExecutionTimes(this.database),
      readEndpoints(
        this.database,
        this.configuration.endpoints.map(({ id }) => id),
      ),
    ]);
    for (const spec of this.configuration.endpoints) {
      const known = stored.get(spec.id);
      if (known !== undefined && (this.inForce?.ordersFor(spec).pauses ?? []).length > 0)
        stored.set(spec.id, { ...known, record: { ...known.record, paused: true } });
    }
    return { learned, stored, nowMs: Date.now() };
  }
}

/** What the run may take, for the choice of its order. */
export function planLimitsOf({
  deadline_s: deadlineS,
  budget,
}: Pick<RunRequest, 'deadline_s' | 'budget'>): PlanLimits {
  const inMs = (seconds: number | undefined): number | undefined =>
    seconds === undefined ? undefined : seconds * 1000;
  return { deadlineMs: inMs(deadlineS), budgetUsd: budget?.usd, budgetGpuMs: inMs(budget?.gpu_seconds) };
}

/** The pairs in another sequence, and what is said of each with it. */
function inSequence(spec: StoredRunSpec, pairs: readonly RunPair[]): StoredRunSpec {
  const { in_flight_max: inFlightMax } = spec;
  if (inFlightMax === undefined) return { ...spec, pairs };
  const indexOf = ({ model, region }: RunPair): number =>
    spec.pairs.findIndex((pair) => pair.model === model && pair.region === region);
  return { ...spec, pairs, in_flight_max: pairs.map((pair) => inFlightMax[indexOf(pair)] ?? 1) };
}

/** Of one endpoint: enough to be drawn behind what it did. */
const LANE_INTERVALS_MAX = 40;

function plannedLanes({ timeline, makespanMs }: OrderPlan): StoredPlannedLane[] {
  const drawnUntilMs = Math.max(0, ...timeline.map(({ intervals }) => intervals.at(-1)?.toMs ?? 0));
  return timeline.map(({ endpointId, intervals }) => ({
    endpoint_id: endpointId,
    // Where there are more cold starts than that, each of them is wanted all the same.
    intervals: (coarseTimeline(intervals, LANE_INTERVALS_MAX) ?? intervals).map(
      ({ state, fromMs, toMs }) => ({
        state,
        from_s: Math.round(fromMs) / 1000,
        to_s: Math.round(toMs) / 1000,
      }),
    ),
    ...(drawnUntilMs < makespanMs ? { goes_on_until_s: Math.round(makespanMs) / 1000 } : {}),
  }));
}
