import type { Configuration } from '#config';
import type { OrderPlanView } from '#contracts';
import {
  choosePlannedOrder,
  forecastRun,
  mayAnswer,
  type ChosenOrder,
  type OrderPlan,
  type PairTimes,
  type PlanInput,
  type PlanLimits,
  type RequestedOrder,
  type RunForecast,
} from '#domain';
import type { StoredRunPlan } from '#persistence';
import { isAllAssumed, planInputOf, type PlanFacts } from './plan-input.js';
import type { ResolvedRun } from './resolve-run.js';

/** A run in virtual time, and the order that it would take. */
export interface PlannedRun {
  readonly input: PlanInput;
  readonly forecast: RunForecast;
  readonly chosen: ChosenOrder;
  /** Times that the plan rests on. */
  readonly times: readonly (PairTimes & { readonly region: string; readonly model: string })[];
  readonly cellsPerEndpoint: Readonly<Record<string, number>>;
}

const SIDE_BY_SIDE: ChosenOrder = {
  order: 'pipeline',
  reason: 'max_skew_s: the regions go side by side',
};

export function planRun(
  run: ResolvedRun,
  requested: RequestedOrder,
  configuration: Configuration,
  facts: PlanFacts,
  limits: PlanLimits = {},
): PlannedRun {
  const input = planInputOf(run, configuration, facts);
  const forecast = forecastRun(input);
  const cellsPerPair = run.questions.length * run.spec.repeats;
  return {
    input,
    forecast,
    chosen:
      run.spec.max_skew_s !== undefined && requested === 'auto'
        ? SIDE_BY_SIDE
        : choosePlannedOrder(requested, run.gates.length, forecast, limits),
    times: timesOf(run, input),
    cellsPerEndpoint: shareCells(run, cellsPerPair, configuration),
  };
}

/** What is kept with a run: the figures of each order, without timelines. */
export function storedPlan(
  requested: RequestedOrder,
  { input, forecast, chosen, times, cellsPerEndpoint }: PlannedRun,
): StoredRunPlan {
  const isLearned = times.every(
    ({ warmSource, coldSource }) => warmSource === 'learned' && coldSource === 'learned',
  );
  return {
    order: chosen.order,
    requested_order: requested,
    reason: chosen.reason,
    cells_per_endpoint: cellsPerEndpoint,
    estimated_cost_usd: isLearned ? forecast.orders[chosen.order].costUsd : null,
    estimated_makespan_seconds: isAllAssumed(input) ? null : forecast.orders[chosen.order].makespanMs / 1000,
    orders: Object.values(forecast.orders).map(orderView),
    assumed_times: times.some(
      ({ warmSource, coldSource }) => warmSource === 'assumed' || coldSource === 'assumed',
    ),
  };
}

export function orderView(plan: OrderPlan): OrderPlanView {
  const { coldStartMs, busyMs, idleMs } = plan;
  return {
    order: plan.order,
    makespan_s: plan.makespanMs / 1000,
    gpu_seconds: {
      cold_start: coldStartMs / 1000,
      busy: busyMs / 1000,
      idle: idleMs / 1000,
      total: (coldStartMs + busyMs + idleMs) / 1000,
    },
    cost_usd: plan.costUsd,
    unpriced_gpus: [...plan.unpricedGpus],
    cold_starts: plan.coldStarts,
    peak_gpus: plan.peakGpus,
    exact: plan.isExact,
  };
}

/** Of every region and model that may answer a cell. */
function timesOf({ spec }: ResolvedRun, { endpoints, timesOf: expected }: PlanInput): PlannedRun['times'] {
  const { pairs, region_policy: policy } = spec;
  const known = new Map<string, PlannedRun['times'][number]>();
  for (const { spec: endpoint } of endpoints) {
    const { region } = endpoint;
    for (const model of endpoint.models) {
      if (pairs.some((pair) => mayAnswer({ region, models: [model] }, pair, policy)))
        known.set(`${region} ${model}`, { region, model, ...expected(region, model) });
    }
  }
  return [...known.values()];
}

/** Where several endpoints serve a pair, its cells are taken to be shared evenly. */
function shareCells(
  { spec }: ResolvedRun,
  cellsPerPair: number,
  { endpoints }: Configuration,
): Record<string, number> {
  const cells: Record<string, number> = {};
  for (const { model, region } of spec.pairs) {
    const serving = endpoints.filter(({ models }) => models.includes(model));
    const inRegion = serving.filter((endpoint) => endpoint.region === region);
    const sharing = inRegion.length > 0 ? inRegion : serving;
    for (const [index, { id }] of sharing.entries()) {
      const share =
        Math.floor(cellsPerPair / sharing.length) + (index < cellsPerPair % sharing.length ? 1 : 0);
      cells[id] = (cells[id] ?? 0) + share;
    }
  }
  return cells;
}
