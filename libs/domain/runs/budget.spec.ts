import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { callsPerJob, committedUse, withinBudget, type BudgetFacts, type OpenCall } from './budget.js';
import {
  addCall,
  costRateOf,
  nothingSpent,
  spentInAll,
  type CostRate,
  type EndpointSpending,
} from './spending.js';

const endpoint = (changes: Record<string, unknown> = {}) => ({
  id: 'US-m1',
  region: 'US',
  models: ['m1'],
  gpu: 'T4',
  protocol: 'modal-hf',
  scaledown_window_s: 300,
  ...changes,
});
const T4_USD_PER_S = 0.000164 * 1.5;
const rate = costRateOf(endpoint());

const facts = (changes: Partial<BudgetFacts> = {}): BudgetFacts => ({
  rates: [rate],
  spending: [],
  open: [],
  boundsOf: () => ({ warmMs: 40_000, coldMs: 180_000 }),
  timeoutMs: 600_000,
  policy: 'pin',
  nowMs: 0,
  ...changes,
});
const cell = { region: 'US', model: 'm1' };
const aCall = (changes: Partial<OpenCall> = {}): OpenCall => ({
  ...cell,
  callsLeft: 1,
  running: null,
  ...changes,
});

describe('costRateOf', () => {
  it('prices a GPU at its list price in a pinned region, and knows no price of others', () => {
    expect(rate.usdPerS).toBeCloseTo(T4_USD_PER_S, 10);
    expect(costRateOf(endpoint({ gpu: 'TPU' })).usdPerS).toBeNull();
    expect(costRateOf(endpoint({ protocol: 'openai' })).usdPerS).toBeNull();
  });
});

describe('what a run has spent', () => {
  const after = (...calls: [startS: number, endS: number, isCold: boolean | null][]): EndpointSpending =>
    calls.reduce(
      (spending, [startS, endS, isCold]) =>
        addCall(
          spending,
          { endpointId: 'US-m1', startMs: startS * 1000, endMs: endS * 1000, isCold },
          rate.scaledownWindowMs,
        ),
      nothingSpent('US-m1'),
    );

  it.each([
    ['nothing', after(), 0],
    ['one cold call and its idle tail', after([0, 180, true]), 180 + 300],
    ['two calls in one container and one tail', after([0, 180, true], [180, 220, false]), 220 + 300],
    ['the gap between two calls of one container', after([0, 180, true], [280, 320, false]), 320 + 300],
    ['a tail for each container', after([0, 180, true], [1000, 1180, true]), 360 + 600],
    [
      'a tail for each container, also one that ended early',
      after([0, 180, true], [180, 360, true]),
      360 + 600,
    ],
    ['a call of which nobody knows whether it was cold', after([0, 10, null]), 10 + 300],
    ['a call that changed nothing', { ...after([0, 10, false]), strayMs: 5000 }, 15 + 300],
  ])('counts %s', (_name, spending, gpuSeconds) => {
    const spent = spentInAll([spending], [rate]);
    expect(spent.gpuMs).toBe(gpuSeconds * 1000);
    expect(spent.usd).toBeCloseTo(gpuSeconds * T4_USD_PER_S, 10);
  });

  it('is charged at the dearest rate where an endpoint is not configured any more', () => {
    const dear = costRateOf(endpoint({ id: 'EU-m1', gpu: 'H100' }));
    const spending = { ...after([0, 10, false]), endpointId: 'gone' };
    expect(spentInAll([spending], [rate, dear]).usd).toBeCloseTo(310 * 0.001097 * 1.5, 10);
    expect(spentInAll([spending], []).usd).toBeNull();
  });
});

describe('what open calls may yet take', () => {
  const warmSince0 = addCall(
    nothingSpent('US-m1'),
    { endpointId: 'US-m1', startMs: -40_000, endMs: 0, isCold: false },
    300_000,
  );
  it.each([
    ['a cold call: its p95 and a scale-down window', facts(), [aCall()], 180 + 300],
    ['one cold start only per endpoint', facts(), [aCall(), aCall()], 180 + 300 + 40],
    [
      'a warm call, and for how long its container has idled',
      facts({ spending: [warmSince0], nowMs: 100_000 }),
      [aCall()],
      40 + 100,
    ],
    [
      'a cold one where the container is gone by now',
      facts({ spending: [warmSince0], nowMs: 300_000 }),
      [aCall()],
      180 + 300,
    ],
    [
      'the timeout where nothing has been learned',
      facts({ boundsOf: () => ({ warmMs: undefined, coldMs: undefined }) }),
      [aCall()],
      600 + 300,
    ],
    [
      'the timeout of a call that runs longer than nearly all',
      facts({ spending: [warmSince0], nowMs: 200_000 }),
      [aCall({ running: { endpointId: 'US-m1', startMs: 10_000 } })],
      600 + 10,
    ],
    [
      'every call that a job may still make',
      facts({ spending: [warmSince0] }),
      [aCall({ callsLeft: 3 })],
      3 * 40,
    ],
    ['the timeout where nobody knows who might answer', facts({ rates: [] }), [aCall()], 600],
  ])('is %s', (_name, given, open, gpuSeconds) => {
    expect(committedUse(open, given).gpuMs).toBe(gpuSeconds * 1000);
  });

  it('is the most of any endpoint that may answer', () => {
    const rates = [rate, costRateOf(endpoint({ id: 'EU-m1', region: 'EU', gpu: 'H100' }))];
    const use = committedUse([aCall()], facts({ rates, policy: 'prefer' }));
    expect(use.usd).toBeCloseTo((180 + 300) * 0.001097 * 1.5, 10);
  });
});

describe('withinBudget', () => {
  const limited = (gpuSeconds: number | null, usd: number | null = null) => ({ gpuSeconds, usd });
  const decide = (budget: ReturnType<typeof limited>, given = facts(), ready = [cell, cell]) => {
    const { submit, isReached } = withinBudget(budget, ready, given);
    return [submit.length, isReached];
  };

  it('submits as many as are paid for in the worst case, in order', () => {
    expect(decide(limited(520))).toEqual([2, false]);
    expect(decide(limited(519))).toEqual([1, false]);
    expect(decide(limited(480))).toEqual([1, false]);
    expect(decide(limited(479))).toEqual([0, true]);
  });

  it('keeps both bounds', () => {
    expect(decide(limited(null, 480 * T4_USD_PER_S + 1e-9))).toEqual([1, false]);
    expect(decide(limited(10_000, 479 * T4_USD_PER_S))).toEqual([0, true]);
    expect(decide(limited(479, 10))).toEqual([0, true]);
  });

  it('waits for open calls, which may leave more than was expected', () => {
    expect(decide(limited(500), facts({ open: [aCall()] }))).toEqual([0, false]);
  });

  it('is not reached while no cell has its turn', () => {
    expect(decide(limited(1), facts(), [])).toEqual([0, false]);
  });

  it('passes over a cell that is too dear for one that is not', () => {
    const given = facts({
      boundsOf: (_region, model) => ({ warmMs: 1000, coldMs: model === 'm1' ? 500_000 : 1000 }),
      rates: [costRateOf(endpoint({ models: ['m1', 'm2'] }))],
    });
    const { submit } = withinBudget(limited(400), [cell, { region: 'US', model: 'm2' }], given);
    expect(submit).toEqual([{ region: 'US', model: 'm2' }]);
  });

  it('takes a price that is not known for too much', () => {
    expect(decide(limited(null, 1000), facts({ rates: [costRateOf(endpoint({ gpu: 'TPU' }))] }))).toEqual([
      0,
      true,
    ]);
  });

  it('never lets a run pay more than its budget, however long calls take within their bounds', () => {
    fc.assert(
      fc.property(
        fc.record({
          pairs: fc.array(
            fc.record({
              cells: fc.integer({ min: 1, max: 12 }),
              warmS: fc.integer({ min: 1, max: 60 }),
              coldS: fc.integer({ min: 1, max: 200 }),
              windowS: fc.integer({ min: 2, max: 300 }),
              isLearned: fc.boolean(),
              gpu: fc.constantFrom('T4', 'L4', 'H100'),
            }),
            { minLength: 1, maxLength: 4 },
          ),
          budgetS: fc.integer({ min: 1, max: 4000 }),
          isMoney: fc.boolean(),
          draws: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        }),
        ({ pairs, budgetS, isMoney, draws }) => {
          const { paid, cellsLeft } = playBudgetedRun(pairs, budgetS, isMoney, draws);
          expect(paid).toBeLessThanOrEqual(budgetS + 1e-6);
          // The control: it did not keep the bound by asking nothing.
          if (cellsLeft === 0) expect(paid).toBeGreaterThan(0);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

interface PlayedPair {
  readonly cells: number;
  readonly warmS: number;
  readonly coldS: number;
  readonly windowS: number;
  readonly isLearned: boolean;
  readonly gpu: string;
}

const TIMEOUT_MS = 250_000;
/** The budget is in seconds of a T4, or in what they cost. */
const UNIT_USD = T4_USD_PER_S;

/**
 * A run against endpoints that meter their containers: each is paid from the start of its first call until a window after
 * its last one. One call per pair is in flight; how long it takes is drawn within the bound that the budget rests on.
 * @returns what the meters say, in the budget's unit
 */
function playBudgetedRun(
  pairs: readonly PlayedPair[],
  budgetS: number,
  isMoney: boolean,
  draws: Iterator<number>,
): { paid: number; cellsLeft: number } {
  const rates: CostRate[] = pairs.map(({ gpu, windowS }, index) =>
    costRateOf(endpoint({ id: `e${index}`, models: [`m${index}`], gpu, scaledown_window_s: windowS })),
  );
  const meters = pairs.map(() => ({ bootMs: -1, aliveUntilMs: -1, paidMs: 0 }));
  const left = pairs.map(({ cells }) => cells);
  const spending = rates.map(({ endpointId }) => nothingSpent(endpointId));
  const running = new Map<number, { startMs: number; endMs: number; isCold: boolean }>();
  const boundsOf = (_region: string, model: string) => {
    const pair = pairs[Number(model.slice(1))]!;
    return pair.isLearned
      ? { warmMs: pair.warmS * 1000, coldMs: pair.coldS * 1000 }
      : { warmMs: undefined, coldMs: undefined };
  };
  let nowMs = 0;
  for (;;) {
    const ready = left.flatMap((count, index) =>
      count > 0 && !running.has(index) ? [{ region: 'US', model: `m${index}` }] : [],
    );
    const open = [...running].map(([index, { startMs }]) =>
      aCall({ model: `m${index}`, running: { endpointId: `e${index}`, startMs } }),
    );
    const { submit, isReached } = withinBudget(
      isMoney ? { usd: budgetS * UNIT_USD, gpuSeconds: null } : { usd: null, gpuSeconds: budgetS },
      ready,
      { rates, spending, open, boundsOf, timeoutMs: TIMEOUT_MS, policy: 'pin', nowMs },
    );
    for (const { model } of submit) {
      const index = Number(model.slice(1));
      const meter = meters[index]!;
      const isCold = meter.aliveUntilMs <= nowMs;
      if (isCold) {
        meter.paidMs += meter.bootMs < 0 ? 0 : meter.aliveUntilMs - meter.bootMs;
        meter.bootMs = nowMs;
      }
      const { warmMs = TIMEOUT_MS, coldMs = TIMEOUT_MS } = boundsOf('US', model);
      const boundMs = isCold ? Math.max(warmMs, coldMs) : warmMs;
      const endMs = nowMs + Math.round(Number(draws.next().value) * boundMs);
      meter.aliveUntilMs = endMs + rates[index]!.scaledownWindowMs;
      running.set(index, { startMs: nowMs, endMs, isCold });
      left[index] = left[index]! - 1;
    }
    if (running.size === 0) {
      expect(isReached || ready.length === 0).toBe(true);
      break;
    }
    const [index, call] = [...running].sort(([, a], [, b]) => a.endMs - b.endMs)[0]!;
    nowMs = Math.max(nowMs, call.endMs);
    running.delete(index);
    spending[index] = addCall(
      spending[index]!,
      { endpointId: `e${index}`, startMs: call.startMs, endMs: call.endMs, isCold: call.isCold },
      rates[index]!.scaledownWindowMs,
    );
    // Nothing may happen for a while, as while a router restarts: containers idle meanwhile, or are gone afterwards.
    if (running.size === 0) nowMs += Math.round(Number(draws.next().value) * 200_000);
  }
  const paid = meters.reduce((sum, { bootMs, aliveUntilMs, paidMs }, index) => {
    const seconds = (paidMs + (bootMs < 0 ? 0 : aliveUntilMs - bootMs)) / 1000;
    return sum + (isMoney ? (seconds * rates[index]!.usdPerS!) / UNIT_USD : seconds);
  }, 0);
  return { paid, cellsLeft: left.reduce((sum, count) => sum + count, 0) };
}

describe('callsPerJob', () => {
  it('has each try of a pinned cell judged by the budget, and leaves others a failover', () => {
    expect([callsPerJob('pin'), callsPerJob('prefer'), callsPerJob('any')]).toEqual([1, 2, 2]);
  });
});
