import { gpuUsdPerS } from '../ledger/prices.js';
import type { RunOrder } from '../runs/run.js';
import { coarseTimeline } from './coarse-timeline.js';
import type { ContainerAccount } from './container-account.js';
import type { Interval } from './container-timeline.js';
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
  /** Whole, but that short pauses between calls may count as calls; with `isTruncated`, up to some moment. */
  readonly timeline: readonly EndpointTimeline[];
  /** Whether the timeline leaves something out: what comes after its last moment, or endpoints. */
  readonly isTruncated: boolean;
}

export interface EndpointTimeline {
  readonly endpointId: string;
  readonly intervals: readonly Interval[];
}

/** Intervals of one order, all endpoints together. */
const TIMELINE_MAX = 800;
/** A cold start, calls, and the idle time after them. */
const PER_ENDPOINT_MIN = 3;
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
    ...timelineOf(
      used.map(({ endpoint, index }) => ({
        endpointId: endpoint.spec.id,
        intervals: account.timeline(index),
      })),
      account.toldUntilMs,
    ),
  };
}

/**
 * What can be drawn. Where one endpoint has too many parts for it, all end at the same moment: a drawing in which some go
 * on and others do not would show GPUs as free that are not.
 */
function timelineOf(
  used: readonly { readonly endpointId: string; readonly intervals: Iterable<Interval> }[],
  toldUntilMs: number,
): Pick<OrderPlan, 'timeline' | 'isTruncated'> {
  const perEndpoint = Math.max(PER_ENDPOINT_MIN, Math.floor(TIMELINE_MAX / Math.max(1, used.length)));
  const shown = used.slice(0, Math.floor(TIMELINE_MAX / PER_ENDPOINT_MIN));
  let untilMs = toldUntilMs;
  const drawn = shown.map(({ endpointId, intervals }) => {
    const coarse = coarseTimeline(intervals, perEndpoint);
    if (coarse !== undefined) return { endpointId, intervals: coarse };
    const first = firstOf(intervals, perEndpoint);
    untilMs = Math.min(untilMs, first.at(-1)?.toMs ?? 0);
    return { endpointId, intervals: first };
  });
  return {
    timeline: drawn.map(({ endpointId, intervals }) => ({
      endpointId,
      intervals: until(untilMs, intervals),
    })),
    isTruncated: untilMs < Number.POSITIVE_INFINITY || shown.length < used.length,
  };
}

function firstOf(intervals: Iterable<Interval>, count: number): Interval[] {
  const first: Interval[] = [];
  for (const interval of intervals) {
    if (first.length >= count) break;
    first.push(interval);
  }
  return first;
}

function until(ms: number, intervals: readonly Interval[]): Interval[] {
  return intervals
    .filter(({ fromMs }) => fromMs < ms)
    .map((interval) => (interval.toMs > ms ? { ...interval, toMs: ms } : interval));
}
