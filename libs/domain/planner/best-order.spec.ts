import { describe, expect, it } from '@jest/globals';
import { FRESH_ENDPOINT } from '../endpoint.js';
import { BUILT_IN_PRICES } from '../ledger/prices.js';
import { mulberry32 } from '../mulberry32.js';
import { planStartOnce } from './best-order.js';
import type { PlanInput } from './plan-input.js';
import { forecastRun } from './plan-orders.js';

interface Spec {
  readonly coldS: number;
  readonly warmS: number;
  readonly windowS: number;
  readonly releaseS?: number;
  /** Warm for so long when the run begins. */
  readonly heldS?: number;
}

const HANDOVER = { lingerMs: 2000, turnMs: 1e9 };

/** One endpoint per pair, as deployments are. */
function aRun(
  specs: readonly Spec[],
  gpuLimit: number,
  questions: number,
  changes: Partial<PlanInput> = {},
): PlanInput {
  const nameOf = (index: number): string => `m${index}`;
  return {
    endpoints: specs.map(({ windowS, releaseS, heldS = 0 }, index) => ({
      spec: {
        ...{ id: `e${index}`, region: 'US', workspace: 'w', models: [nameOf(index)], concurrency: 1 },
        ...{ scaledownWindowMs: windowS * 1000, hasHealthUrl: true, canRelease: releaseS !== undefined },
      },
      gpu: 'T4',
      record: { ...FRESH_ENDPOINT, warmUntilMs: heldS * 1000, gpuUntilMs: heldS * 1000 },
      releaseMs: releaseS === undefined ? null : releaseS * 1000,
    })),
    gpuLimit,
    prices: BUILT_IN_PRICES,
    handover: HANDOVER,
    pairs: specs.map((_, index) => ({ region: 'US', model: nameOf(index) })),
    questions,
    repeats: 1,
    gatesAfter: [],
    regionPolicy: 'pin',
    timeoutMs: 300_000,
    timesOf: (_region, model) => {
      const { coldS, warmS } = specs[Number(model.slice(1))]!;
      return {
        ...{ warmMs: warmS * 1000, coldStartMs: coldS * 1000 },
        ...{ warmSource: 'learned', coldSource: 'learned' },
      };
    },
    ...changes,
  };
}

/** From a container's last answer to the end of its hold on the GPU. */
function holdS({ windowS, releaseS }: Spec): number {
  return Math.min(windowS, releaseS === undefined ? Infinity : HANDOVER.lingerMs / 1000 + releaseS);
}

function seeded(seed: number): (from: number, to: number) => number {
  const random = mulberry32(seed);
  return (from, to) => from + Math.floor(random() * (to - from + 1));
}

/**
 * The earliest end over every way to give cold endpoints to GPUs, by dynamic programming over subsets: no bound, no
 * heuristic. The model: each endpoint is started once and has its GPU until all its cells are answered; the GPU is
 * free for the next one when the container is gone; times are known. Tried in every sequence, the last on a GPU
 * counting no hold.
 */
function bruteForceS(specs: readonly Spec[], gpus: number, questions: number): number {
  const subsets = 1 << specs.length;
  const aloneS = Array.from({ length: subsets }, (_, subset) => {
    const members = specs.filter((_spec, index) => (subset >> index) & 1);
    const sums = members.map((last) =>
      members.reduce(
        (sum, member) =>
          sum + member.coldS + questions * member.warmS + (member === last ? 0 : holdS(member)),
        0,
      ),
    );
    return members.length === 0 ? 0 : Math.min(...sums);
  });
  let best = Float64Array.from(aloneS);
  const alone = Float64Array.from(aloneS);
  for (let gpu = 1; gpu < gpus; gpu += 1) {
    const next = new Float64Array(subsets);
    // The last GPU's share is wanted for all endpoints together only.
    for (let subset = gpu === gpus - 1 ? subsets - 1 : 0; subset < subsets; subset += 1) {
      let leastS = Number.POSITIVE_INFINITY;
      for (let mine = subset; ; mine = (mine - 1) & subset) {
        const endS = Math.max(alone[mine]!, best[subset ^ mine]!);
        if (endS < leastS) leastS = endS;
        if (mine === 0) break;
      }
      next[subset] = leastS;
    }
    best = next;
  }
  return best[subsets - 1]!;
}

const INSTANCES = Array.from({ length: 240 }, (_, index) => {
  const draw = seeded(1000 + index);
  const endpoints = 2 + (index % 11);
  const gpus = 1 + (Math.floor(index / 11) % 8);
  const releasable = draw(0, 1) === 1;
  const sameWindow = draw(0, 1) === 1;
  const specs = Array.from({ length: endpoints }, (): Spec => ({
    coldS: draw(0, 360),
    warmS: draw(1, 60),
    windowS: sameWindow ? 300 : draw(2, 600),
    ...(releasable ? { releaseS: draw(1, 20) } : {}),
  }));
  return { specs, gpus, questions: draw(1, 20) };
});

describe("the planner's own order", () => {
  it('ends within 2 % of the optimum on 240 seeded instances of 2-12 endpoints and 1-8 GPUs', () => {
    const gaps = INSTANCES.map(({ specs, gpus, questions }) => {
      const optimumS = bruteForceS(specs, Math.min(gpus, specs.length), questions);
      const input = aRun(specs, gpus, questions);
      const { plan, lowerBoundMs, isOptimal } = planStartOnce(input);
      expect(plan.makespanMs / 1000).toBeGreaterThanOrEqual(optimumS);
      expect(lowerBoundMs / 1000).toBeLessThanOrEqual(optimumS + 1e-9);
      expect(plan.coldStarts).toBe(specs.length);
      expect(plan.peakGpus).toBeLessThanOrEqual(gpus);
      const gap = plan.makespanMs / 1000 / optimumS - 1;
      if (isOptimal) expect(gap).toBe(0);
      // And what admission makes of the sequence, releasing one container after the other as GPUs are wanted.
      const admittedGap = forecastRun(input).orders.best.makespanMs / 1000 / optimumS - 1;
      return Math.max(gap, admittedGap);
    });
    expect(gaps).toHaveLength(240);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.02);
  });

  it('is never behind an order that the runner knows', () => {
    for (const { specs, gpus, questions } of INSTANCES) {
      const { orders } = forecastRun(aRun(specs, gpus, questions));
      for (const { makespanMs } of Object.values(orders)) {
        expect(orders.best.makespanMs).toBeLessThanOrEqual(makespanMs);
      }
    }
  });

  it('states a bound where there are too many endpoints to look at every assignment', () => {
    const draw = seeded(7);
    const specs = Array.from({ length: 40 }, () => ({
      coldS: draw(0, 300),
      warmS: draw(1, 60),
      windowS: 300,
    }));
    const { plan, lowerBoundMs, isOptimal } = planStartOnce(aRun(specs, 7, 8));
    expect(isOptimal).toBe(false);
    expect(plan.makespanMs).toBeGreaterThan(lowerBoundMs);
    expect(plan.makespanMs / lowerBoundMs).toBeLessThan(1.1);
    expect(plan.peakGpus).toBe(7);
  });

  it('starts what is warm at once and hands its GPU on afterwards', () => {
    const specs = [
      { coldS: 100, warmS: 10, windowS: 60 },
      { coldS: 100, warmS: 10, windowS: 60, heldS: 5 },
    ];
    const { plan } = planStartOnce(aRun(specs, 1, 4));
    expect(plan).toMatchObject({
      coldStarts: 1,
      makespanMs: 40_000 + 60_000 + 100_000 + 40_000,
      peakGpus: 1,
    });
    expect(plan.timeline.map(({ intervals }) => intervals[0]?.fromMs)).toEqual([100_000, 0]);
  });

  it('waits for a GPU that somebody else still holds', () => {
    const specs = [{ coldS: 100, warmS: 10, windowS: 60 }];
    const idle = aRun([...specs, { coldS: 1, warmS: 1, windowS: 60, heldS: 30 }], 1, 4, {
      pairs: [{ region: 'US', model: 'm0' }],
    });
    expect(planStartOnce(idle).plan.makespanMs).toBe(30_000 + 100_000 + 40_000);
  });

  it('finishes the part before a gate everywhere before it goes on', () => {
    const specs = [
      { coldS: 100, warmS: 10, windowS: 60 },
      { coldS: 100, warmS: 20, windowS: 60 },
    ];
    const { plan } = planStartOnce(aRun(specs, 2, 4, { gatesAfter: [2] }));
    expect(plan).toMatchObject({ makespanMs: 100_000 + 40_000 + 40_000, coldStarts: 2 });
  });

  it('needs one endpoint only where one cold start costs more than working alone', () => {
    const specs = [
      { coldS: 1000, warmS: 10, windowS: 60 },
      { coldS: 1000, warmS: 10, windowS: 60, heldS: 100 },
    ];
    const both = aRun(specs, 2, 4, { pairs: [{ region: 'US', model: 'm0' }], regionPolicy: 'any' });
    const endpoints = both.endpoints.map((endpoint) => ({
      ...endpoint,
      spec: { ...endpoint.spec, models: ['m0'] },
    }));
    expect(planStartOnce({ ...both, endpoints }).plan).toMatchObject({ coldStarts: 0, makespanMs: 40_000 });
  });
});

describe('64 cells: 8 questions at 8 endpoints, 180 s cold, 40 s warm', () => {
  const SPECS = Array.from({ length: 8 }, () => ({ coldS: 180, warmS: 40, windowS: 300 }));
  const criticalPathMs = 180_000 + 8 * 40_000;

  it('takes at most 1.03 of the critical path on 8 GPUs', () => {
    const { orders, best } = forecastRun(aRun(SPECS, 8, 8));
    expect(orders.best.makespanMs).toBeLessThanOrEqual(1.03 * criticalPathMs);
    expect(best).toMatchObject({ isOptimal: true, sameAs: 'pipeline' });
    expect(orders.best).toMatchObject({ coldStarts: 8, peakGpus: 8 });
    expect(orders.question.makespanMs).toBe(criticalPathMs);
  });

  it.each([
    ['scaled down after their window', undefined, 3],
    // Handing GPUs over at once helps question by question as well: 2.7 times then, 3 against containers that idle.
    ['released within 5 s', 5, 2.7],
  ])(
    'takes on 3 GPUs a third of the time and cold starts of question by question, containers being %s',
    (_title, releaseS, times) => {
      const specs = SPECS.map((spec) => (releaseS === undefined ? spec : { ...spec, releaseS }));
      const { orders, best } = forecastRun(aRun(specs, 3, 8));
      expect(orders.question.makespanMs).toBeGreaterThanOrEqual(times * orders.best.makespanMs);
      const { orders: idling } = forecastRun(aRun(SPECS, 3, 8));
      expect(idling.question.makespanMs).toBeGreaterThanOrEqual(3 * orders.best.makespanMs);
      expect(orders.question.coldStarts).toBeGreaterThanOrEqual(3 * orders.best.coldStarts);
      expect(orders.best).toMatchObject({ coldStarts: 8, peakGpus: 3 });
      const holdMs = (releaseS === undefined ? 300 : 2 + releaseS) * 1000;
      expect(orders.best.makespanMs).toBe(3 * criticalPathMs + 2 * holdMs);
      expect(best.isOptimal).toBe(true);
    },
  );
});

it('counts a cold start for every cell of an endpoint without a scale-down window, in every order', () => {
  const { orders } = forecastRun(aRun([{ coldS: 10, warmS: 5, windowS: 0 }], 1, 3000));
  for (const plan of Object.values(orders)) {
    expect(plan).toMatchObject({ coldStarts: 3000, makespanMs: 3000 * 15_000 });
  }
});
