import type { RegionPolicy } from '../job.js';
import { mayAnswer } from './may-answer.js';
import {
  NO_GPU_USE,
  addUse,
  spentInAll,
  useOf,
  type CostRate,
  type EndpointSpending,
  type GpuUse,
} from './spending.js';

/** What a run may take in all; null: no bound. */
export interface RunBudget {
  readonly usd: number | null;
  readonly gpuSeconds: number | null;
}

/** A cell's region and model. */
export interface CallTarget {
  readonly region: string;
  readonly model: string;
}

/** A cell in the router's hands. */
export interface OpenCall extends CallTarget {
  /** Calls that its job may still make, the one that is running included. */
  readonly callsLeft: number;
  /** The call that is running. */
  readonly running: { readonly endpointId: string; readonly startMs: number } | null;
}

/** How long calls of a model take in a region, nearly always: p95; undefined: nothing has been learned. */
export interface CallBounds {
  readonly warmMs: number | undefined;
  readonly coldMs: number | undefined;
}

export interface BudgetFacts {
  readonly rates: readonly CostRate[];
  readonly spending: readonly EndpointSpending[];
  readonly open: readonly OpenCall[];
  readonly boundsOf: (region: string, model: string) => CallBounds;
  /** From the start of a call to its answer, at most. */
  readonly timeoutMs: number;
  readonly policy: RegionPolicy;
  /** Unix ms. */
  readonly nowMs: number;
}

/**
 * Calls that one job of a run with a budget may make: where no other region may help, each try is judged by the
 * budget of its own; otherwise a job has one failover.
 */
export function callsPerJob(policy: RegionPolicy): number {
  return policy === 'pin' ? 1 : 2;
}

/**
 * What the calls that are open may yet take: each its p95, or the timeout where nothing has been learned or it runs
 * longer than that; for an endpoint without a warm container of this run a cold start and a scale-down window.
 */
export function committedUse(open: readonly OpenCall[], facts: BudgetFacts): GpuUse {
  const byTarget = new Map<string, OpenCall[]>();
  for (const call of open) {
    const key = JSON.stringify([call.region, call.model]);
    byTarget.set(key, [...(byTarget.get(key) ?? []), call]);
  }
  return [...byTarget.values()].map((calls) => useOfTarget(calls, facts)).reduce(addUse, NO_GPU_USE);
}

function useOfTarget(calls: readonly OpenCall[], facts: BudgetFacts): GpuUse {
  const { timeoutMs, nowMs } = facts;
  const [target] = calls;
  if (target === undefined) return NO_GPU_USE;
  const serving = facts.rates.filter((rate) => mayAnswer(rate, target, facts.policy));
  const bounds = serving.map(({ region }) => facts.boundsOf(region, target.model));
  const warmMs = longest(
    bounds.map((bound) => bound.warmMs),
    timeoutMs,
  );
  const coldMs = Math.max(
    warmMs,
    longest(
      bounds.map((bound) => bound.coldMs),
      timeoutMs,
    ),
  );
  const count = calls.reduce((sum, { callsLeft }) => sum + callsLeft, 0);
  const gaps = serving.map((rate) => idleSince(rate, calls, facts));
  // Where no endpoint is known, the call takes place all the same, and is as cold as can be.
  const cold = Math.min(count, serving.length === 0 ? count : gaps.filter((gap) => gap === null).length);
  const windowMs = Math.max(0, ...serving.map(({ scaledownWindowMs }) => scaledownWindowMs));
  const late = calls.filter(
    ({ running }) => running !== null && nowMs - running.startMs > (cold > 0 ? coldMs : warmMs),
  ).length;
  const gpuMs =
    cold * (coldMs + windowMs) +
    (count - cold) * warmMs +
    gaps.reduce<number>((sum, gap) => sum + (gap ?? 0), 0) +
    late * (timeoutMs - Math.min(timeoutMs, warmMs));
  const prices = serving.map(({ usdPerS }) => usdPerS);
  const isPriced = prices.length > 0 && prices.every((price) => price !== null);
  return useOf(gpuMs, isPriced ? Math.max(...prices.map((price) => price ?? 0)) : null);
}

/** @returns how long the run's warm container there has idled before its next call; null: there is none */
function idleSince(
  rate: CostRate,
  calls: readonly OpenCall[],
  { spending, nowMs }: BudgetFacts,
): number | null {
  const lastEndMs = spending.find(({ endpointId }) => endpointId === rate.endpointId)?.lastEndMs ?? null;
  if (lastEndMs === null) return null;
  const starts = calls.flatMap(({ running }) =>
    running?.endpointId === rate.endpointId ? [running.startMs] : [],
  );
  const idleMs = Math.max(0, Math.min(nowMs, ...starts) - lastEndMs);
  return idleMs < rate.scaledownWindowMs ? idleMs : null;
}

function longest(boundsMs: readonly (number | undefined)[], timeoutMs: number): number {
  if (boundsMs.length === 0) return timeoutMs;
  return Math.min(timeoutMs, Math.max(...boundsMs.map((bound) => bound ?? timeoutMs)));
}

export interface Affordable<Cell> {
  /** In the given order. */
  readonly submit: readonly Cell[];
  readonly spent: GpuUse;
  /** Of the calls that were open before. */
  readonly committed: GpuUse;
  /** No cell may be submitted, and no call is open whose end could change that. */
  readonly isReached: boolean;
}

/**
 * Holds cells back that the budget might not pay for: a cell is submitted where what is spent, what open calls may
 * yet take, and the most that the cell is expected to take are within the budget together.
 * @param ready cells whose turn it is, the first ones first
 */
export function withinBudget<Cell extends CallTarget>(
  budget: RunBudget,
  ready: readonly Cell[],
  facts: BudgetFacts,
): Affordable<Cell> {
  const spent = spentInAll(facts.spending, facts.rates);
  const submit: Cell[] = [];
  let open = facts.open;
  for (const cell of ready) {
    const { region, model } = cell;
    const withCell = [...open, { region, model, callsLeft: callsPerJob(facts.policy), running: null }];
    if (!fits(budget, addUse(spent, committedUse(withCell, facts)))) continue;
    submit.push(cell);
    open = withCell;
  }
  return {
    submit,
    spent,
    committed: committedUse(facts.open, facts),
    isReached: ready.length > 0 && submit.length === 0 && facts.open.length === 0,
  };
}

/** A price that is not known counts as too much. */
function fits({ usd, gpuSeconds }: RunBudget, use: GpuUse): boolean {
  if (gpuSeconds !== null && use.gpuMs > gpuSeconds * 1000) return false;
  return usd === null || (use.usd !== null && use.usd <= usd);
}
