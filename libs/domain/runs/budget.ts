import type { RegionPolicy } from '../job.js';
import { mayAnswer } from './may-answer.js';
import type { CallTarget, OpenCall } from './open-call.js';
import { idleBefore, reckonStarts, type Idle } from './starts.js';
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

/** How long calls of a model take in a region, nearly always: p95; undefined: nothing has been learned. */
export interface CallBounds {
  readonly warmMs: number | undefined;
  readonly coldMs: number | undefined;
  /** How long a warm container idles until a call begins that has been decided on: its start gap. */
  readonly gapMs: number | undefined;
}

export interface BudgetFacts {
  readonly rates: readonly CostRate[];
  readonly spending: readonly EndpointSpending[];
  readonly open: readonly OpenCall[];
  readonly boundsOf: (region: string, model: string) => CallBounds;
  /** From the start of a call to its answer, at most. */
  readonly timeoutMs: number;
  /** Between two calls of one job, at most. */
  readonly pauseMs: number;
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
 * longer than that. For an endpoint without a warm container of this run a cold start and a scale-down window; for each
 * other call that has not begun a start gap, too, for which its container is paid while it idles.
 */
export function committedUse(open: readonly OpenCall[], facts: BudgetFacts): GpuUse {
  const running = runningOf(open);
  return [...callsByTarget(open).values()]
    .map((calls) => useOfTarget(calls, running, facts))
    .reduce(addUse, NO_GPU_USE);
}

function targetOf({ region, model }: CallTarget): string {
  return JSON.stringify([region, model]);
}

function callsByTarget(open: readonly OpenCall[]): Map<string, OpenCall[]> {
  const byTarget = new Map<string, OpenCall[]>();
  for (const call of open) {
    const calls = byTarget.get(targetOf(call));
    if (calls === undefined) byTarget.set(targetOf(call), [call]);
    else calls.push(call);
  }
  return byTarget;
}

function runningOf(open: readonly OpenCall[]): OpenCall[] {
  return open.filter(({ running }) => running !== null);
}

/** @param allRunning calls of the whole run */
function useOfTarget(
  calls: readonly OpenCall[],
  allRunning: readonly OpenCall[],
  facts: BudgetFacts,
): GpuUse {
  const { timeoutMs, nowMs } = facts;
  const [target] = calls;
  const count = calls.reduce((sum, { callsLeft }) => sum + callsLeft, 0);
  if (target === undefined || count === 0) return NO_GPU_USE;
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
  const windowsMs = serving.map(({ scaledownWindowMs }) => scaledownWindowMs);
  const windowMs = Math.max(0, ...windowsMs);
  const running = calls.filter((call) => call.running !== null && call.callsLeft > 0).length;
  // Calls that have not begun: the next ones of their jobs, and those that come only where those have failed.
  const later = calls.reduce((sum, { callsLeft }) => sum + Math.max(0, callsLeft - 1), 0);
  const next = count - running - later;
  const gapMs = longest(
    bounds.map((bound) => bound.gapMs),
    windowMs,
  );
  const idlesUntil = (startMs: number): Idle[] =>
    serving.map((rate) => idleBefore({ ...facts, rate, calls, allRunning, gapMs: startMs }));
  // Jobs that try again pause first, and their containers idle as long.
  const pausesMs = calls.map(({ running, callsLeft, decidedMs }) =>
    running === null && callsLeft > 0 ? Math.max(0, decidedMs - nowMs) : 0,
  );
  const soon = idlesUntil(gapMs + Math.max(...pausesMs));
  const firstMs = soon.some(({ ms }) => ms === null) ? coldMs : warmMs;
  const laterGapMs = gapMs + firstMs + facts.pauseMs;
  // The first start at an endpoint may be that of a call that fails at another one before.
  const idles = later > 0 && serving.length > 1 ? idlesUntil(laterGapMs) : soon;
  const coldRunning = idles.filter(({ ms, isRunning }) => ms === null && isRunning).length;
  const coldEndpoints = idles.filter(({ ms, isRunning }) => ms === null && !isRunning).length;
  const starts = reckonStarts({ next, later, gapMs, laterGapMs }, coldEndpoints, windowsMs);
  // Where no endpoint is known, the call takes place all the same, and is as cold as can be.
  const cold = serving.length === 0 ? count : Math.min(count, coldRunning + starts.cold);
  const late = calls.filter(
    (call) => call.running !== null && nowMs - call.running.startMs > (cold > 0 ? coldMs : warmMs),
  ).length;
  const gpuMs =
    cold * (coldMs + windowMs) +
    (count - cold) * warmMs +
    starts.gapsMs +
    // Where each start is cold, no container is there to idle.
    (starts.cold < next + later ? pausesMs.reduce((sum, ms) => sum + ms, 0) : 0) +
    idles.reduce<number>((sum, idle) => sum + (idle.ms ?? 0), 0) +
    late * (timeoutMs - Math.min(timeoutMs, warmMs));
  const prices = serving.map(({ usdPerS }) => usdPerS);
  const isPriced = prices.length > 0 && prices.every((price) => price !== null);
  return useOf(gpuMs, isPriced ? Math.max(...prices.map((price) => price ?? 0)) : null);
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
  const allRunning = runningOf(facts.open);
  const byTarget = callsByTarget(facts.open);
  const uses = new Map([...byTarget].map(([key, calls]) => [key, useOfTarget(calls, allRunning, facts)]));
  const committed = [...uses.values()].reduce(addUse, NO_GPU_USE);
  const callsLeft = callsPerJob(facts.policy);
  for (const cell of ready) {
    const { region, model } = cell;
    const key = targetOf(cell);
    const calls = byTarget.get(key) ?? [];
    const withCell = [...calls, { region, model, callsLeft, running: null, decidedMs: facts.nowMs }];
    // What has not begun changes nothing for other targets: a thousand cells may be ready at once, of hundreds of them.
    const use = useOfTarget(withCell, allRunning, facts);
    const inAll = [...uses].reduce((sum, [other, each]) => (other === key ? sum : addUse(sum, each)), use);
    if (!fits(budget, addUse(spent, inAll))) continue;
    submit.push(cell);
    byTarget.set(key, withCell);
    uses.set(key, use);
  }
  return {
    submit,
    spent,
    committed,
    isReached: ready.length > 0 && submit.length === 0 && facts.open.length === 0,
  };
}

/** A price that is not known counts as too much. */
function fits({ usd, gpuSeconds }: RunBudget, use: GpuUse): boolean {
  if (gpuSeconds !== null && use.gpuMs > gpuSeconds * 1000) return false;
  return usd === null || (use.usd !== null && use.usd <= usd);
}
