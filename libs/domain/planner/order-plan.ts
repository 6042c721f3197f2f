import { gpuUsdPerS } from '../ledger/prices.js';
import type { RunOrder } from '../runs/run.js';
import type { ContainerAccount, Interval } from './container-account.js';
import type { PlanInput } from './plan-input.js';

/** What is to be expected of a run in one order. */
export interface OrderPlan {
  readonly order: RunOrder;
  readonly makespanMs: number;
  /** Time for which the run's containers hold their GPUs. */
  readonly coldStartMs: number;
  readonly busyMs: number;
  readonly idleMs: number;
  /** Null where a price is not known. */
  readonly costUsd: number | null;
  /** GPUs that have work and no known price. */
  readonly unpricedGpus: readonly string[];
  readonly coldStarts: number;
  /** GPUs held at once by endpoints of the run. */
  readonly peakGpus: number;
  /** Whether every call was simulated; otherwise what was simulated stands for the rest. */
  readonly isExact: boolean;
  readonly timeline: readonly EndpointTimeline[];
  /** Whether the timeline leaves something out. */
  readonly isTruncated: boolean;
}

export interface EndpointTimeline {
  readonly endpointId: string;
  readonly intervals: readonly Interval[];
}

/** Intervals of one order, all endpoints together. */
const TIMELINE_MAX = 800;
const MICRO = 1e6;

/** Sums up what happened to containers. The account is complete: idle tails included. */
export function orderPlanOf(
  order: RunOrder,
  input: PlanInput,
  account: ContainerAccount,
  facts: { readonly makespanMs: number; readonly peakGpus: number; readonly isExact: boolean },
): OrderPlan {
  const totals = account.totals();
  const sum = (of: (entry: (typeof totals)[number]) => number): number =>
    Math.round(totals.reduce((total, entry) => total + of(entry), 0));
  const used = input.endpoints.flatMap((endpoint, index) => {
    const total = totals[index];
    return total === undefined || total.busyMs === 0 ? [] : [{ endpoint, index, total }];
  });
  let costUsd = 0;
  const unpriced = new Set<string>();
  for (const { endpoint, total } of used) {
    const usdPerS = gpuUsdPerS(input.prices, endpoint.gpu, endpoint.spec.region);
    if (usdPerS === undefined) unpriced.add(endpoint.gpu);
    else costUsd += ((total.coldMs + total.busyMs + total.idleMs) / 1000) * usdPerS;
  }
  const perEndpoint = Math.max(3, Math.floor(TIMELINE_MAX / Math.max(1, used.length)));
  const shown = used.slice(0, Math.floor(TIMELINE_MAX / 3));
  const timeline = shown.map(({ endpoint, index }) => ({
    endpointId: endpoint.spec.id,
    intervals: account.intervals(index).slice(0, perEndpoint),
  }));
  const isCut = used.some(({ index }) => account.intervals(index).length > perEndpoint);
  return {
    order,
    makespanMs: Math.round(facts.makespanMs),
    coldStartMs: sum(({ coldMs }) => coldMs),
    busyMs: sum(({ busyMs }) => busyMs),
    idleMs: sum(({ idleMs }) => idleMs),
    costUsd: unpriced.size > 0 ? null : Math.round(costUsd * MICRO) / MICRO,
    unpricedGpus: [...unpriced],
    coldStarts: sum(({ coldStarts }) => coldStarts),
    peakGpus: facts.peakGpus,
    isExact: facts.isExact,
    timeline,
    isTruncated: account.isTruncated || isCut || shown.length < used.length,
  };
}
