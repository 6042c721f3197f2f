import type { RegionPolicy } from '../job.js';
import type { LearnedSamples } from '../planner/pair-times.js';
import { upperQuantile } from '../quantile.js';
import { callsPerJob, type BudgetFacts, type CallTarget } from './budget.js';
import {
  addCall,
  nothingSpent,
  ratesById,
  type CostRate,
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
}

export interface BudgetRows {
  readonly rates: readonly CostRate[];
  readonly timeoutMs: number;
  readonly policy: RegionPolicy;
  /** Of cells that were settled. */
  readonly spending: readonly EndpointSpending[];
  readonly open: readonly OpenCellCalls[];
  /** Calls of open cells that have ended. */
  readonly ended: readonly EndedCall[];
  readonly learned: readonly LearnedSamples[];
  /** Unix ms. */
  readonly nowMs: number;
}

/** Puts together what a budget is judged by. */
export function budgetFacts(rows: BudgetRows): BudgetFacts {
  const { rates, timeoutMs, policy, learned, nowMs } = rows;
  return {
    ...{ rates, timeoutMs, policy, nowMs },
    spending: addCalls(rows.spending, rows.ended, rates),
    open: rows.open.map(({ region, model, maxAttempts, endedCalls, isOver, ...call }) => ({
      ...{ region, model },
      callsLeft: isOver ? 0 : Math.max(1, (maxAttempts ?? callsPerJob(policy)) - endedCalls),
      running:
        call.runningEndpointId === null || call.runningSinceMs === null
          ? null
          : { endpointId: call.runningEndpointId, startMs: call.runningSinceMs },
    })),
    boundsOf: (region, model) => {
      const bound = (cold: boolean): number | undefined =>
        upperQuantile(
          learned
            .filter((each) => each.region === region && each.model === model && each.cold === cold)
            .flatMap(({ samplesMs }) => samplesMs),
          0.95,
        );
      return { warmMs: bound(false), coldMs: bound(true) };
    },
  };
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
