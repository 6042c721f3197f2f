import type { RegionPolicy } from '../job.js';
import type { LearnedSamples } from '../planner/pair-times.js';
import { upperQuantile } from '../quantile.js';
import { callsPerJob, type BudgetFacts, type CallBounds } from './budget.js';
import type { CallTarget } from './open-call.js';
import {
  addCall,
  nothingSpent,
  ratesById,
  type CostRate,
  type DecidedCall,
  type EndedCall,
  type EndpointSpending,
} from './spending.js';

/** A cell in the router's hands, as rows tell. */
export interface OpenCellCalls extends CallTarget {
  /** Calls its job may make in all; null: the job is not known yet. */
  readonly maxAttempts: number | null;
  readonly endedCalls: number;
  /** The job is over, but what became of it has not been recorded. */
  readonly isOver: boolean;
  readonly runningEndpointId: string | null;
  /** Unix ms. */
  readonly runningSinceMs: number | null;
  /** Unix ms; as of the call. */
  readonly decidedMs: number;
}

export interface BudgetRows {
  readonly rates: readonly CostRate[];
  readonly timeoutMs: number;
  readonly pauseMs: number;
  readonly policy: RegionPolicy;
  /** Of cells that were settled. */
  readonly spending: readonly EndpointSpending[];
  readonly open: readonly OpenCellCalls[];
  /** Calls of open cells that have ended. */
  readonly ended: readonly EndedCall[];
  readonly learned: readonly LearnedSamples[];
  /** Start gaps: those of containers that were kept warm, and how long it took until calls of cold ones began. */
  readonly learnedGaps: readonly LearnedSamples[];
  /** Unix ms. */
  readonly nowMs: number;
}

/** Puts together what a budget is judged by. */
export function budgetFacts(rows: BudgetRows): BudgetFacts {
  const { rates, timeoutMs, pauseMs, policy, learned, learnedGaps, nowMs } = rows;
  const gapOf = gapBounds(learnedGaps);
  // Asked for each target, for each cell that is ready; what has been learned may be thousands of numbers.
  const known = new Map<string, CallBounds>();
  return {
    ...{ rates, timeoutMs, pauseMs, policy, nowMs },
    spending: addCalls(rows.spending, rows.ended, rates),
    open: rows.open.map(({ region, model, maxAttempts, endedCalls, isOver, ...call }) => ({
      ...{ region, model, decidedMs: call.decidedMs },
      callsLeft: isOver ? 0 : Math.max(1, (maxAttempts ?? callsPerJob(policy)) - endedCalls),
      running:
        call.runningEndpointId === null || call.runningSinceMs === null
          ? null
          : { endpointId: call.runningEndpointId, startMs: call.runningSinceMs },
    })),
    boundsOf: (region, model) => {
      const key = JSON.stringify([region, model]);
      const before = known.get(key);
      if (before !== undefined) return before;
      const isOwn = (of: LearnedSamples): boolean => of.region === region && of.model === model;
      const bound = (cold: boolean): number | undefined =>
        boundOf(learned.filter((of) => isOwn(of) && of.cold === cold));
      const bounds = { warmMs: bound(false), coldMs: bound(true), gapMs: gapOf(isOwn) };
      known.set(key, bounds);
      return bounds;
    },
  };
}

/** Of fewer samples, nobody knows what 95 % of them are below. */
const ENOUGH_GAPS = 20;

/**
 * Start gaps are Beacon's own time, and that of what else waits for the endpoint: where a region's model has shown few,
 * those of all are reckoned with as well, and where no container was ever kept warm, how long it took cold ones' calls to
 * begin.
 */
function gapBounds(
  learned: readonly LearnedSamples[],
): (isOwn: (of: LearnedSamples) => boolean) => number | undefined {
  const warm = learned.filter(({ cold }) => !cold);
  const ofAll = boundOf(warm);
  const ofCold = ofAll === undefined ? boundOf(learned) : undefined;
  return (isOwn) => {
    if (ofAll === undefined) return ofCold;
    const own = warm.filter(isOwn);
    const ofOwn = boundOf(own);
    if (own.flatMap(({ samplesMs }) => samplesMs).length >= ENOUGH_GAPS) return ofOwn;
    return Math.max(ofOwn ?? 0, ofAll);
  };
}

function boundOf(learned: readonly LearnedSamples[]): number | undefined {
  return upperQuantile(
    learned.flatMap(({ samplesMs }) => samplesMs),
    0.95,
  );
}

/** @param calls in the order in which they began */
export function addCalls(
  spending: readonly EndpointSpending[],
  calls: readonly EndedCall[],
  rates: readonly CostRate[],
): EndpointSpending[] {
  const rateOf = ratesById(rates);
  const byId = new Map(spending.map((each) => [each.endpointId, each]));
  for (const call of calls) {
    const { endpointId } = call;
    const before = byId.get(endpointId) ?? nothingSpent(endpointId);
    byId.set(endpointId, addCall(before, call, rateOf(endpointId).scaledownWindowMs));
  }
  return [...byId.values()];
}

/** For how long the start of a call was waited for. */
export interface StartGap {
  readonly region: string;
  readonly model: string;
  /** No container of the run was warm when the call was decided on. */
  readonly cold: boolean;
  readonly gapMs: number;
}

/**
 * What calls teach of start gaps: each lasted from the decision on it, or from the end of the call before where that was
 * later, to its start, and cost at most a scale-down window.
 * @param spending before these calls
 * @param calls in the order in which they began
 */
export function startGaps(
  spending: readonly EndpointSpending[],
  calls: readonly DecidedCall[],
  rates: readonly CostRate[],
): StartGap[] {
  const rateOf = ratesById(rates);
  const lastEnds = new Map(spending.map(({ endpointId, lastEndMs }) => [endpointId, lastEndMs]));
  return calls.flatMap(({ endpointId, region, model, startMs, endMs, decidedMs }): StartGap[] => {
    const lastEndMs = lastEnds.get(endpointId) ?? null;
    lastEnds.set(endpointId, Math.max(lastEndMs ?? endMs, endMs));
    // One that began beside another waited for nothing; of two clocks one may go before the other.
    if (decidedMs === null || startMs < decidedMs || startMs < (lastEndMs ?? startMs)) return [];
    const windowMs = rateOf(endpointId).scaledownWindowMs;
    const cold = lastEndMs === null || decidedMs - lastEndMs >= windowMs;
    const fromMs = cold ? decidedMs : Math.max(decidedMs, lastEndMs);
    return [{ region, model, cold, gapMs: Math.min(windowMs, startMs - fromMs) }];
  });
}
