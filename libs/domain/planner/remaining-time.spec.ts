import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FRESH_ENDPOINT } from '../endpoint.js';
import { BUILT_IN_PRICES } from '../ledger/prices.js';
import { RUN_ORDERS, type RunOrder } from '../runs/run.js';
import { partsBetweenGates } from './phases.js';
import type { PlanInput } from './plan-input.js';
import { remainingMs, type CallInFlight, type CellsLeft } from './remaining-time.js';
import { simulateOrder } from './simulate-order.js';

const MODELS = ['m1', 'm2', 'm3'];
const REGIONS = ['US', 'EU'];
const ORDERS = RUN_ORDERS.filter((order): order is 'question' | 'region' | 'pipeline' =>
  ['question', 'region', 'pipeline'].includes(order),
);

const inputArbitrary = fc
  .record({
    endpoints: fc.array(
      fc.record({
        region: fc.constantFrom(...REGIONS),
        models: fc.uniqueArray(fc.constantFrom(...MODELS), { minLength: 1, maxLength: 2 }),
        concurrency: fc.constantFrom(1, 1, 2, 3),
        scaledownWindowMs: fc.constantFrom(10, 60, 300),
        heldUntilMs: fc.constantFrom(0, 0, 7, 250),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    gpuLimit: fc.integer({ min: 1, max: 6 }),
    prices: fc.constant(BUILT_IN_PRICES),
    questions: fc.integer({ min: 1, max: 9 }),
    repeats: fc.integer({ min: 1, max: 3 }),
    gatesAfter: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 2 }),
    regionPolicy: fc.constantFrom('pin' as const, 'prefer' as const, 'any' as const),
    warmMs: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 6, maxLength: 6 }),
    coldMs: fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 6, maxLength: 6 }),
  })
  .map(({ endpoints, warmMs, coldMs, gatesAfter, ...rest }): PlanInput => ({
    ...rest,
    gatesAfter: [...gatesAfter].sort((left, right) => left - right),
    endpoints: endpoints.map(({ heldUntilMs, ...spec }, index) => ({
      spec: { ...spec, id: `e${index}`, workspace: 'w', hasHealthUrl: true, canRelease: false },
      record: { ...FRESH_ENDPOINT, warmUntilMs: heldUntilMs, gpuUntilMs: heldUntilMs },
      ...{ gpu: 'T4', releaseMs: null },
    })),
    pairs: REGIONS.flatMap((region) =>
      MODELS.filter((model) =>
        endpoints.some(
          (each) => each.models.includes(model) && (rest.regionPolicy !== 'pin' || each.region === region),
        ),
      ).map((model) => ({ region, model })),
    ),
    timeoutMs: 100,
    handover: { lingerMs: 1, turnMs: 1e9 },
    timesOf: (region, model) => {
      const index = REGIONS.indexOf(region) * 3 + MODELS.indexOf(model);
      const [warm = 1, cold = 1] = [warmMs[index], coldMs[index]];
      return { warmMs: warm, coldStartMs: cold, warmSource: 'learned', coldSource: 'learned' };
    },
  }));

const wholeRun = (input: PlanInput): CellsLeft => ({
  parts: partsBetweenGates(input).map(({ cellsPerPair }) => input.pairs.map(() => cellsPerPair)),
  questions: input.questions,
  ofFirstQuestion: input.pairs.map(() => input.repeats),
});

/** One endpoint per pair: 40 s warm, 160 s more when cold, 8 questions. */
function anInput(gpuLimit: number, warmUntilMs = 0): PlanInput {
  return {
    ...{ gpuLimit, questions: 8, repeats: 1, gatesAfter: [], regionPolicy: 'pin', timeoutMs: 600_000 },
    prices: BUILT_IN_PRICES,
    handover: { lingerMs: 1, turnMs: 1e9 },
    pairs: REGIONS.map((region) => ({ region, model: 'm' })),
    endpoints: REGIONS.map((region) => ({
      spec: {
        ...{ id: `${region}-m`, region, workspace: 'w', models: ['m'], concurrency: 1 },
        ...{ scaledownWindowMs: 300_000, hasHealthUrl: true, canRelease: false },
      },
      record: { ...FRESH_ENDPOINT, warmUntilMs, gpuUntilMs: warmUntilMs },
      ...{ gpu: 'T4', releaseMs: null },
    })),
    timesOf: () => ({ warmMs: 40_000, coldStartMs: 160_000, warmSource: 'learned', coldSource: 'learned' }),
  };
}
const secondsLeft = (
  order: RunOrder,
  input: PlanInput,
  cells: number[],
  inFlight: CallInFlight[] = [],
): number => {
  const open = {
    parts: [cells],
    questions: Math.max(...cells),
    ofFirstQuestion: cells.map((n) => Math.min(n, 1)),
  };
  return (remainingMs(order, input, open, inFlight) ?? NaN) / 1000;
};
const call = (endpointId: string, elapsedS: number): CallInFlight => ({
  ...{ endpointId, elapsedMs: elapsedS * 1000 },
});

describe('the time that a run still takes', () => {
  it.each(ORDERS)('is at its beginning what was planned for order %s', (order) => {
    fc.assert(
      fc.property(inputArbitrary, (input) => {
        expect(remainingMs(order, input, wholeRun(input), [])).toBe(simulateOrder(order, input).makespanMs);
      }),
      { numRuns: 400 },
    );
  });

  it('is that of the slowest pair in a pipeline, cold starts included', () => {
    expect(secondsLeft('pipeline', anInput(2), [3, 8])).toBe(160 + 8 * 40);
    expect(secondsLeft('pipeline', anInput(2, 300_000), [3, 8])).toBe(8 * 40);
    expect(secondsLeft('region', anInput(2), [3, 8])).toBe(160 + 3 * 40 + 160 + 8 * 40);
  });

  it('waits for a GPU to be given back where there are fewer than endpoints', () => {
    expect(secondsLeft('pipeline', anInput(1), [3, 8])).toBe(160 + 3 * 40 + 300 + 160 + 8 * 40);
  });

  it('leaves out what a call in flight has behind it, the cold start that is over included', () => {
    const cold = anInput(2);
    expect(secondsLeft('pipeline', cold, [8, 8], [call('US-m', 100), call('EU-m', 100)])).toBe(60 + 8 * 40);
    const warm = anInput(2, 300_000);
    expect(secondsLeft('pipeline', warm, [1, 5], [call('US-m', 10), call('EU-m', 30)])).toBe(10 + 4 * 40);
    // One that takes longer than expected may end at any moment.
    expect(secondsLeft('pipeline', warm, [1, 1], [call('US-m', 500), call('EU-m', 500)])).toBe(0);
  });

  it('is nothing where nothing is open, and cannot be said where nobody serves an open cell', () => {
    for (const order of ORDERS) expect(secondsLeft(order, anInput(2), [0, 0])).toBe(0);
    const open = { parts: [[1, 1]], questions: 1, ofFirstQuestion: [1, 1] };
    const { endpoints, ...rest } = anInput(2);
    expect(remainingMs('pipeline', { ...rest, endpoints: endpoints.slice(1) }, open, [])).toBeNull();
  });

  it('costs a bounded amount of work however many cells are left', () => {
    const input = { ...anInput(1), questions: 12_500, repeats: 4 };
    const began = process.cpuUsage();
    for (const order of ORDERS) {
      const open = { parts: [[50_000, 50_000]], questions: 12_500, ofFirstQuestion: [4, 4] };
      expect(remainingMs(order, input, open, [])).toBeGreaterThan(50_000 * 40_000);
    }
    // Some milliseconds; the rest is for slow machines. Of the processor, not of the clock: one that is busy is not slow.
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
  });
});
