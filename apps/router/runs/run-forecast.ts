import type { Configuration } from '#config';
import type { PlannedOrderView, RunForecastView, RunRequest } from '#contracts';
import { judgeFeasibility, type OrderPlan, type PlanLimits } from '#domain';
import type { PlanFacts } from './plan-input.js';
import { orderView, planRun, type PlannedRun } from './plan-run.js';
import type { ResolvedRun } from './resolve-run.js';

/** Names in one note; more of them say no more. */
const NAMED_MAX = 5;

/** The answer of `POST /runs/plan`. */
export function runForecast(
  run: ResolvedRun,
  { order: requested }: Pick<RunRequest, 'order'>,
  limits: PlanLimits,
  configuration: Configuration,
  facts: PlanFacts,
  /** How endpoints are called in notes. */
  nameOf: (endpointId: string) => string = (endpointId) => endpointId,
): RunForecastView {
  const planned = planRun(run, requested, configuration, facts, limits);
  const { forecast, chosen, times, cellsPerEndpoint } = planned;
  const { orders, best } = forecast;
  const { lowerBoundMs } = best;
  return {
    total_cells: run.totalCells,
    unavailable: [...run.spec.unavailable],
    order: chosen.order,
    requested_order: requested,
    reason: chosen.reason,
    feasible: judgeFeasibility(orders[chosen.order], limits).feasible,
    gpu_limit: configuration.limits.gpus,
    cells_per_endpoint: { ...cellsPerEndpoint },
    orders: Object.values(orders).map((plan) => plannedOrder(run, plan, limits)),
    best: {
      same_as: best.sameAs,
      optimal: best.isOptimal,
      lower_bound_s: lowerBoundMs / 1000,
      gap: lowerBoundMs > 0 ? Math.round((orders.best.makespanMs / lowerBoundMs - 1) * 10_000) / 10_000 : 0,
      sequences: best.sequences.map((sequence) => [...sequence]),
    },
    times: times.map(({ region, model, warmMs, coldStartMs, warmSource, coldSource }) => ({
      region,
      model,
      warm_s: warmMs / 1000,
      cold_start_s: coldStartMs / 1000,
      warm_source: warmSource,
      cold_source: coldSource,
    })),
    notes: notesOn(run, planned, configuration, facts, nameOf),
  };
}

function plannedOrder(run: ResolvedRun, plan: OrderPlan, limits: PlanLimits): PlannedOrderView {
  const { feasible, reasons } = judgeFeasibility(plan, limits);
  const questionId = (number: number): string | null => run.questions[number - 1]?.id ?? null;
  return {
    ...orderView(plan),
    feasible,
    infeasible_because: [...reasons],
    timeline: plan.timeline.map(({ endpointId, intervals }) => ({
      endpoint_id: endpointId,
      intervals: intervals.map(({ state, fromMs, toMs, fromQuestion, toQuestion }) => ({
        state,
        from_s: fromMs / 1000,
        to_s: toMs / 1000,
        from_question: questionId(fromQuestion),
        to_question: questionId(toQuestion),
      })),
    })),
    timeline_truncated: plan.isTruncated,
  };
}

function notesOn(
  run: ResolvedRun,
  { input, times, forecast }: PlannedRun,
  configuration: Configuration,
  { stored }: PlanFacts,
  nameOf: (endpointId: string) => string,
): string[] {
  const notes: string[] = [];
  const pairName = ({ region, model }: { region: string; model: string }): string => `${model} in ${region}`;
  const assumedWarm = times.filter(({ warmSource }) => warmSource === 'assumed');
  const [anyWarm] = assumedWarm;
  if (anyWarm !== undefined) {
    notes.push(
      `no warm call of ${named(assumedWarm.map(pairName))} has been seen: ${anyWarm.warmMs / 1000} s each assumed`,
    );
  }
  const assumedCold = times.filter(({ coldSource }) => coldSource === 'assumed');
  const [anyCold] = assumedCold;
  if (anyCold !== undefined) {
    notes.push(
      `no cold start of ${named(assumedCold.map(pairName))} has been seen: ${anyCold.coldStartMs / 1000} s each assumed`,
    );
  }
  const warmElsewhere = times.filter(({ warmSource }) => warmSource === 'other_region');
  if (warmElsewhere.length > 0) {
    notes.push(
      `warm calls of ${named(warmElsewhere.map(pairName))} are taken to last as long as in other regions`,
    );
  }
  const coldElsewhere = times.filter(({ coldSource }) => coldSource === 'other_region');
  if (coldElsewhere.length > 0) {
    notes.push(
      `cold starts of ${named(coldElsewhere.map(pairName))} are taken to last as long as in other regions`,
    );
  }
  const timeoutMs = configuration.timeouts.execution_ms;
  const tooSlow = times.filter(({ warmMs, coldStartMs }) => warmMs + coldStartMs > timeoutMs);
  if (tooSlow.length > 0) {
    notes.push(
      `a cold call of ${named(tooSlow.map(pairName))} takes longer than timeouts.execution_ms: it would fail and be tried again`,
    );
  }
  const asked = new Set(times.map(({ region, model }) => `${region} ${model}`));
  const states = input.endpoints
    .filter(({ spec }) => spec.models.some((model) => asked.has(`${spec.region} ${model}`)))
    .map(({ spec }) => ({ id: spec.id, ...stored.get(spec.id) }));
  const ill = states.filter(({ record }) => record?.paused === true || record?.breaker === 'open');
  if (ill.length > 0)
    notes.push(
      `${named(ill.map(({ id }) => nameOf(id)))} is down or paused now; the plan takes it to be well`,
    );
  const inUse = states.filter(({ leases }) => (leases ?? 0) > 0);
  if (inUse.length > 0)
    notes.push(`${named(inUse.map(({ id }) => nameOf(id)))} has other work now, which the plan leaves out`);
  if (run.gates.length > 0) notes.push('the time until people decide at gates is not included');
  if (Object.values(forecast.orders).some(({ isExact }) => !isExact)) {
    notes.push(
      'not every call is simulated: the run is large, or an endpoint would keep its GPU for longer than a turn',
    );
  }
  return notes;
}

function named(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return `${names.slice(0, NAMED_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
