import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { callsPerJob, committedUse, withinBudget, type BudgetFacts } from './budget.js';
import type { OpenCall } from './open-call.js';
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
  boundsOf: () => ({ warmMs: 40_000, coldMs: 180_000, gapMs: 2000 }),
  timeoutMs: 600_000,
  pauseMs: 30_000,
  policy: 'pin',
  nowMs: 0,
  ...changes,
});
const cell = { region: 'US', model: 'm1' };
const aCall = (changes: Partial<OpenCall> = {}): OpenCall => ({
  ...cell,
  callsLeft: 1,
  running: null,
  decidedMs: 0,
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
    ['one cold start only per endpoint', facts(), [aCall(), aCall()], 180 + 300 + 2 + 40],
    [
      'a warm call, for how long its container has idled, and its start gap',
      facts({ spending: [warmSince0], nowMs: 100_000 }),
      [aCall({ decidedMs: 100_000 })],
      100 + 2 + 40,
    ],
    [
      'the gap of a call that was decided on a moment ago, once',
      facts({ spending: [warmSince0], nowMs: 101_500 }),
      [aCall({ decidedMs: 100_000 })],
      100 + 2 + 40,
    ],
    [
      'the gap as far as it is past, where that is longer than they are',
      facts({ spending: [warmSince0], nowMs: 103_000 }),
      [aCall({ decidedMs: 100_000 })],
      103 + 40,
    ],
    [
      'a cold start where a call should have begun and waits for nobody knows what',
      facts({ spending: [warmSince0], nowMs: 105_000 }),
      [aCall({ decidedMs: 100_000 })],
      180 + 300,
    ],
    [
      'a gap for each call in a row, and none for the one that has begun',
      facts({ spending: [warmSince0], nowMs: 50_000 }),
      [aCall({ running: { endpointId: 'US-m1', startMs: 10_000 } }), aCall(), aCall()],
      10 + 40 + 2 * (2 + 40),
    ],
    [
      'a cold start where the container may be gone before the gap ends',
      facts({ spending: [warmSince0], nowMs: 299_000 }),
      [aCall({ decidedMs: 299_000 })],
      180 + 300,
    ],
    [
      'a cold start for each call where nothing has been learned of gaps',
      facts({
        spending: [warmSince0],
        boundsOf: () => ({ warmMs: 40_000, coldMs: 180_000, gapMs: undefined }),
      }),
      [aCall(), aCall()],
      2 * (180 + 300),
    ],
    [
      'no gap where another model of the endpoint has its turn, but that of its own start',
      facts({
        rates: [costRateOf(endpoint({ models: ['m1', 'm2'] }))],
        spending: [warmSince0],
        nowMs: 30_000,
      }),
      [aCall({ model: 'm2', running: { endpointId: 'US-m1', startMs: 10_000 } }), aCall()],
      10 + 40 + 2 + 40,
    ],
    [
      'a cold one where the container is gone by now',
      facts({ spending: [warmSince0], nowMs: 300_000 }),
      [aCall({ decidedMs: 300_000 })],
      180 + 300,
    ],
    [
      'the timeout where nothing has been learned',
      facts({ boundsOf: () => ({ warmMs: undefined, coldMs: undefined, gapMs: undefined }) }),
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
      'every call that a job may still make, with the call that fails and the pause before it',
      facts({ spending: [warmSince0] }),
      [aCall({ callsLeft: 3 })],
      2 + 40 + 2 * (40 + 30 + 2 + 40),
    ],
    [
      'the pause of a job that tries again, which is not over',
      facts({ spending: [warmSince0], nowMs: 1000 }),
      [aCall({ decidedMs: 21_000 })],
      21 + 2 + 40,
    ],
    [
      'a cold start where the pause outlasts the container',
      facts({ spending: [warmSince0], nowMs: 1000 }),
      [aCall({ decidedMs: 299_000 })],
      180 + 300,
    ],
    [
      'nothing of a job that is over',
      facts({ spending: [warmSince0], nowMs: 100_000 }),
      [aCall({ callsLeft: 0 })],
      0,
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
    expect(decide(limited(522))).toEqual([2, false]);
    expect(decide(limited(521))).toEqual([1, false]);
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
      boundsOf: (_region, model) => ({ warmMs: 1000, coldMs: model === 'm1' ? 500_000 : 1000, gapMs: 10 }),
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

  const pairs = fc.array(
    fc.record({
      cells: fc.integer({ min: 1, max: 12 }),
      inARow: fc.integer({ min: 1, max: 3 }),
      warmS: fc.integer({ min: 1, max: 60 }),
      coldS: fc.integer({ min: 1, max: 200 }),
      windowS: fc.integer({ min: 2, max: 300 }),
      gapS: fc.double({ min: 0.01, max: 20, noNaN: true }),
      isLearned: fc.boolean(),
      isGapLearned: fc.boolean(),
      gpu: fc.constantFrom('T4', 'L4', 'H100'),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const anyRun = fc.record({
    pairs,
    budgetS: fc.integer({ min: 1, max: 4000 }),
    isMoney: fc.boolean(),
    // Bounds are kept to the full most often: only then does a budget show what it forgot.
    draws: fc.infiniteStream(
      fc.oneof({ arbitrary: fc.constant(1), weight: 3 }, fc.double({ min: 0, max: 1, noNaN: true })),
    ),
  });

  it('never lets a run pay more than its budget, however long calls take, and take to begin, within their bounds', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const { paid, cellsLeft } = playBudgetedRun(run);
        expect(paid).toBeLessThanOrEqual(run.budgetS + 1e-6);
        // The control: it did not keep the bound by asking nothing.
        if (cellsLeft === 0) expect(paid).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('would let it pay more if it did not reckon with the gaps before calls', () => {
    const isKept = fc.property(
      anyRun,
      (run) => playBudgetedRun({ ...run, reckonsGaps: false }).paid <= run.budgetS + 1e-6,
    );
    expect(fc.check(isKept, { numRuns: 1000, endOnFailure: true }).failed).toBe(true);
  });

  it('leaves a small budget usable: of 10 s, with calls of at most 0.3 s at two endpoints, 9.6 are spent', () => {
    const pair = { cells: 100, inARow: 1, warmS: 0.3, coldS: 1, windowS: 0.4, gapS: 0.05 };
    const known = { ...pair, isLearned: true, isGapLearned: true, gpu: 'T4' };
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0.5, max: 1, noNaN: true })), (draws) => {
        const { paid, cellsLeft } = playBudgetedRun({
          pairs: [known, known],
          budgetS: 10,
          isMoney: false,
          draws,
          restMs: 0,
        });
        expect(cellsLeft).toBeGreaterThan(0);
        expect(paid).toBeGreaterThan(9.6);
        expect(paid).toBeLessThanOrEqual(10);
      }),
      { numRuns: 100 },
    );
  });
});

describe('which of the cells that are ready are submitted', () => {
  const regions = fc.constantFrom('US', 'EU');
  const models = fc.constantFrom('m1', 'm2');
  const targets = fc.record({ region: regions, model: models });
  const endpointIds = ['US', 'EU'].flatMap((region) => ['m1', 'm2'].map((model) => `${region}-${model}`));
  const rates = endpointIds.map((id) => {
    const [region = '', model = ''] = id.split('-');
    return costRateOf(endpoint({ id, region, models: [model] }));
  });
  const moment = fc.integer({ min: -400_000, max: 0 });
  const openCalls = fc.array(
    fc
      .tuple(targets, fc.integer({ min: 0, max: 2 }), fc.option(moment), moment)
      .map(([target, callsLeft, startMs, decidedMs]) => ({
        ...{ ...target, callsLeft, decidedMs },
        running: startMs === null ? null : { endpointId: `${target.region}-${target.model}`, startMs },
      })),
    { maxLength: 8 },
  );
  const ended = fc.array(fc.record({ endpointId: fc.constantFrom(...endpointIds), endMs: moment }));

  it('are those, in their sequence, that fit in with what is spent, what is open, and those before them', () => {
    fc.assert(
      fc.property(
        ...([openCalls, ended, fc.array(targets, { maxLength: 12 })] as const),
        ...([fc.constantFrom('pin', 'prefer'), fc.integer({ min: 0, max: 6000 })] as const),
        (open, calls, ready, policy, gpuSeconds) => {
          const spending = endpointIds.map((id) =>
            calls
              .filter(({ endpointId }) => endpointId === id)
              .reduce(
                (sum, { endMs }) =>
                  addCall(sum, { endpointId: id, startMs: endMs - 1000, endMs, isCold: false }, 300_000),
                nothingSpent(id),
              ),
          );
          const known = facts({ rates, spending, open, policy });
          const spentMs = spentInAll(spending, rates).gpuMs;
          const fitting: (typeof cell)[] = [];
          let before: readonly OpenCall[] = open;
          for (const each of ready) {
            const more = [
              ...before,
              { ...each, callsLeft: callsPerJob(policy), running: null, decidedMs: 0 },
            ];
            if (spentMs + committedUse(more, known).gpuMs > gpuSeconds * 1000) continue;
            fitting.push(each);
            before = more;
          }
          const kept = withinBudget({ usd: null, gpuSeconds }, ready, known);
          expect(kept.submit).toEqual(fitting);
          expect(kept.committed).toEqual(committedUse(open, known));
        },
      ),
    );
  });
});

interface PlayedPair {
  readonly cells: number;
  /** Cells that the order lets the run submit at once. */
  readonly inARow: number;
  readonly warmS: number;
  readonly coldS: number;
  readonly windowS: number;
  /** The longest start gap. */
  readonly gapS: number;
  readonly isLearned: boolean;
  readonly isGapLearned: boolean;
  readonly gpu: string;
}

interface PlayedRun {
  readonly pairs: readonly PlayedPair[];
  readonly budgetS: number;
  readonly isMoney: boolean;
  readonly draws: Iterator<number>;
  readonly reckonsGaps?: boolean;
  /** Times in which nothing happens last this long at most. */
  readonly restMs?: number;
}

const TIMEOUT_MS = 250_000;
/** The budget is in seconds of a T4, or in what they cost. */
const UNIT_USD = T4_USD_PER_S;

/** An endpoint with its container's meter, and the run's calls there, one after the other. */
interface PlayedEndpoint {
  bootMs: number;
  aliveUntilMs: number;
  paidMs: number;
  left: number;
  /** Moments at which waiting calls were decided on. */
  readonly waiting: number[];
  nextStartMs: number | null;
  running: { readonly startMs: number; readonly endMs: number; readonly isCold: boolean } | null;
}

/**
 * A run against endpoints that meter their containers: each is paid from the start of its first call until a window after
 * its last one. How long calls take, and how long it takes until they begin, is drawn within the bounds that the budget
 * rests on; gaps of which nothing was learned may be longer than the window.
 * @returns what the meters say, in the budget's unit
 */
function playBudgetedRun({
  pairs,
  budgetS,
  isMoney,
  draws,
  reckonsGaps = true,
  restMs = 200_000,
}: PlayedRun): {
  paid: number;
  cellsLeft: number;
} {
  const draw = (upToMs: number): number => Math.round(Number(draws.next().value) * upToMs);
  const rates: CostRate[] = pairs.map(({ gpu, windowS }, index) =>
    costRateOf(endpoint({ id: `e${index}`, models: [`m${index}`], gpu, scaledown_window_s: windowS })),
  );
  const endpoints = pairs.map(({ cells }): PlayedEndpoint => ({
    ...{ bootMs: -1, aliveUntilMs: -1, paidMs: 0, left: cells },
    ...{ waiting: [], nextStartMs: null, running: null },
  }));
  const spending = rates.map(({ endpointId }) => nothingSpent(endpointId));
  const boundsOf = (_region: string, model: string) => {
    const { isLearned, isGapLearned, warmS, coldS, gapS } = pairs[Number(model.slice(1))]!;
    return {
      warmMs: isLearned ? warmS * 1000 : undefined,
      coldMs: isLearned ? coldS * 1000 : undefined,
      gapMs: !reckonsGaps ? 0 : isGapLearned ? Math.ceil(gapS * 1000) : undefined,
    };
  };
  let nowMs = 0;

  const decideNextStart = (index: number): void => {
    const { isGapLearned, gapS, windowS } = pairs[index]!;
    endpoints[index]!.nextStartMs = nowMs + draw(isGapLearned ? gapS * 1000 : 1.5 * windowS * 1000);
  };
  const begin = (index: number): void => {
    const played = endpoints[index]!;
    played.waiting.shift();
    played.nextStartMs = null;
    const isCold = played.aliveUntilMs <= nowMs;
    if (isCold) {
      played.paidMs += played.bootMs < 0 ? 0 : played.aliveUntilMs - played.bootMs;
      played.bootMs = nowMs;
    }
    const { warmMs = TIMEOUT_MS, coldMs = TIMEOUT_MS } = boundsOf('US', `m${index}`);
    const endMs = nowMs + draw(isCold ? Math.max(warmMs, coldMs) : warmMs);
    played.aliveUntilMs = endMs + rates[index]!.scaledownWindowMs;
    played.running = { startMs: nowMs, endMs, isCold };
  };
  const end = (index: number): void => {
    const { running, waiting } = endpoints[index]!;
    endpoints[index]!.running = null;
    const call = { endpointId: `e${index}`, ...running! };
    spending[index] = addCall(spending[index]!, call, rates[index]!.scaledownWindowMs);
    if (waiting.length > 0) decideNextStart(index);
  };

  for (;;) {
    const open = endpoints.flatMap(({ running, waiting }, index): OpenCall[] => [
      ...(running === null
        ? []
        : [
            aCall({
              model: `m${index}`,
              running: { endpointId: `e${index}`, startMs: running.startMs },
            }),
          ]),
      ...waiting.map((decidedMs) => aCall({ model: `m${index}`, decidedMs })),
    ]);
    const ready = endpoints.flatMap(({ left, running, waiting }, index) => {
      const isIdle = running === null && waiting.length === 0;
      return Array.from({ length: isIdle ? Math.min(left, pairs[index]!.inARow) : 0 }, () => ({
        ...{ region: 'US', model: `m${index}` },
      }));
    });
    const { submit, isReached } = withinBudget(
      isMoney ? { usd: budgetS * UNIT_USD, gpuSeconds: null } : { usd: null, gpuSeconds: budgetS },
      ready,
      { rates, spending, open, boundsOf, timeoutMs: TIMEOUT_MS, pauseMs: 0, policy: 'pin', nowMs },
    );
    for (const { model } of submit) {
      const index = Number(model.slice(1));
      const played = endpoints[index]!;
      played.left -= 1;
      played.waiting.push(nowMs);
      if (played.nextStartMs === null) decideNextStart(index);
    }
    const happenings = endpoints.flatMap(({ running, nextStartMs }, index) => [
      ...(running === null ? [] : [{ atMs: running.endMs, happens: () => end(index) }]),
      ...(nextStartMs === null ? [] : [{ atMs: nextStartMs, happens: () => begin(index) }]),
    ]);
    if (happenings.length === 0) {
      expect(isReached || ready.length === 0).toBe(true);
      break;
    }
    const [first] = happenings.sort((a, b) => a.atMs - b.atMs);
    nowMs = Math.max(nowMs, first!.atMs);
    first!.happens();
    // Nothing may happen for a while, as while a router restarts: containers idle meanwhile, or are gone afterwards.
    if (
      happenings.length === 1 &&
      endpoints.every(({ running, waiting }) => !running && waiting.length === 0)
    )
      nowMs += draw(restMs);
  }
  const paid = endpoints.reduce((sum, { bootMs, aliveUntilMs, paidMs }, index) => {
    const seconds = (paidMs + (bootMs < 0 ? 0 : aliveUntilMs - bootMs)) / 1000;
    return sum + (isMoney ? (seconds * rates[index]!.usdPerS!) / UNIT_USD : seconds);
  }, 0);
  return { paid, cellsLeft: endpoints.reduce((sum, { left }) => sum + left, 0) };
}

describe('callsPerJob', () => {
  it('has each try of a pinned cell judged by the budget, and leaves others a failover', () => {
    expect([callsPerJob('pin'), callsPerJob('prefer'), callsPerJob('any')]).toEqual([1, 2, 2]);
  });
});
