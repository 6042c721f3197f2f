import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Candidate } from '../admission.js';
import {
  FRESH_ENDPOINT,
  afterRelease,
  afterSuccess,
  afterWaking,
  holdsGpu,
  type EndpointRecord,
  type EndpointView,
} from '../endpoint.js';
import { planAdmissionAndHandover } from '../gpu-handover.js';
import { BUILT_IN_PRICES } from '../ledger/prices.js';
import { laneOf } from '../lane.js';
import { nextCells, type OpenCell, type RunGate } from '../runs/next-cells.js';
import type { RunOrder } from '../runs/run.js';
import type { IntervalState } from './container-timeline.js';
import type { EndpointTimeline } from './order-plan.js';
import type { PlanInput } from './plan-input.js';
import { forecastRun } from './plan-orders.js';
import { simulateOrder } from './simulate-order.js';
import { coldStartMs, viewsOf } from './virtual-platform.js';
import { serversOfPairs } from './work.js';

interface Cell extends OpenCell {
  readonly model: string;
  readonly region: string;
}
interface Call {
  readonly cell: Cell;
  readonly endpoint: number;
  readonly cold: boolean;
  endsMs: number;
}
interface ReplayedCall {
  readonly endpointId: string;
  readonly questionNo: number;
  readonly fromMs: number;
  /** When its cold start is over; `fromMs` where there is none. */
  readonly warmFromMs: number;
  readonly toMs: number;
}
type MutableGate = { -readonly [Key in keyof RunGate]: RunGate[Key] };
type MutableView = { -readonly [Key in keyof EndpointView]: EndpointView[Key] };

/** The run, job by job, decided by the very functions that the router and the runner decide with. */
function replay(order: RunOrder, input: PlanInput) {
  const views: MutableView[] = viewsOf(input).map((view) => ({ ...view }));
  const regions = [...new Set(input.pairs.map(({ region }) => region))];
  let cells: Cell[] = [];
  for (let question = 1; question <= input.questions; question += 1) {
    for (let repeat = 0; repeat < input.repeats; repeat += 1) {
      for (const [pairNo, { model, region }] of input.pairs.entries()) {
        const cellNo = ((question - 1) * input.repeats + repeat) * input.pairs.length + pairNo + 1;
        const regionNo = regions.indexOf(region);
        cells.push({
          cellNo,
          questionNo: question,
          pairNo,
          regionNo,
          model,
          region,
          state: 'pending',
          restMs: 0,
        });
      }
    }
  }
  const gates: MutableGate[] = input.gatesAfter
    .filter((question) => question < input.questions)
    .map((question) => ({
      gateId: `${question}`,
      afterQuestionNo: question,
      status: 'pending',
    }));
  const waiting: Candidate[] = [];
  const running: Call[] = [];
  const doors: Call[][] = views.map(() => []);
  const jobs = new Map<string, Cell>();
  let nowMs = 0;
  let coldStarts = 0;
  let peakGpus = 0;
  const held: [endpoint: number, fromMs: number, toMs: number][] = [];
  const calls: ReplayedCall[] = [];
  const releases: { readonly endpoint: number; readonly doneMs: number }[] = [];
  let lookAgainMs = Infinity;
  const served = input.pairs.map(({ region, model }) =>
    views.some(({ spec }) => spec.region === region && spec.models.includes(model)),
  );
  const takesPart = new Set(serversOfPairs(input, views).flat());

  const begin = (call: Call): void => {
    const { spec } = views[call.endpoint]!;
    const coldMs = call.cold ? coldStartMs(input, call.endpoint) : 0;
    if (call.cold) coldStarts += 1;
    call.endsMs = nowMs + coldMs + input.timesOf(spec.region, call.cell.model).warmMs;
    held.push([call.endpoint, nowMs, call.endsMs + spec.scaledownWindowMs]);
    const { questionNo } = call.cell;
    calls.push({
      endpointId: spec.id,
      questionNo,
      fromMs: nowMs,
      warmFromMs: nowMs + coldMs,
      toMs: call.endsMs,
    });
    running.push(call);
  };
  const submit = (): void => {
    for (;;) {
      const { submit: due, atGate } = nextCells(order, cells, gates);
      for (const { cellNo } of due) {
        const index = cells.findIndex((cell) => cell.cellNo === cellNo);
        const cell: Cell = { ...cells[index]!, state: 'submitted' };
        cells[index] = cell;
        const jobId = String(cellNo).padStart(9, '0');
        jobs.set(jobId, cell);
        const lane = laneOf(input.regionPolicy, cell.region, served[cell.pairNo]!);
        waiting.push({
          jobId,
          tenant: 'a',
          lane,
          model: cell.model,
          isRetry: false,
          orderKey: nowMs,
          avoidRegions: [],
        });
      }
      if (atGate === null) return;
      gates.find(({ gateId }) => gateId === atGate.gateId)!.status = 'approved';
    }
  };
  const admit = (): void => {
    const before = views.map(({ record }) => record);
    const indexOf = (id: string): number => views.findIndex(({ spec }) => spec.id === id);
    const plan = planAdmissionAndHandover(views, waiting, input.gpuLimit, input.handover, nowMs);
    lookAgainMs = plan.lookAgainMs ?? Infinity;
    for (const id of plan.release) {
      const view = views[indexOf(id)]!;
      const doneMs = nowMs + input.endpoints[indexOf(id)]!.releaseMs!;
      view.record = { ...view.record, releasingUntilMs: doneMs + 1000 };
      releases.push({ endpoint: indexOf(id), doneMs });
    }
    for (const { jobId, endpointId, staged } of plan.assignments) {
      const endpoint = indexOf(endpointId);
      const view = views[endpoint]!;
      if (!holdsGpu(view, nowMs)) view.record = afterWaking(view.record, nowMs);
      waiting.splice(
        waiting.findIndex((candidate) => candidate.jobId === jobId),
        1,
      );
      view.leases += 1;
      const cold = before[endpoint]!.warmUntilMs <= nowMs;
      if (!cold) {
        const warmUntilMs = nowMs + input.timeoutMs + view.spec.scaledownWindowMs;
        view.record = { ...view.record, warmUntilMs: Math.max(view.record.warmUntilMs, warmUntilMs) };
      }
      const call: Call = { cell: jobs.get(jobId)!, endpoint, cold, endsMs: 0 };
      if (staged) doors[endpoint]!.push(call);
      else begin(call);
    }
    const holding = views.filter((view, endpoint) => takesPart.has(endpoint) && holdsGpu(view, nowMs));
    peakGpus = Math.max(peakGpus, holding.length);
  };

  submit();
  admit();
  while (cells.length > 0) {
    const expiries = views.filter(({ leases }) => leases === 0).map(({ record }) => record.gpuUntilMs);
    const changes = [...expiries, ...releases.map(({ doneMs }) => doneMs), lookAgainMs];
    nowMs = Math.min(...running.map(({ endsMs }) => endsMs), ...changes.filter((ms) => ms > nowMs));
    for (const { endpoint } of releases.filter(({ doneMs }) => doneMs === nowMs)) {
      const view = views[endpoint]!;
      view.record = afterRelease(view.record, 0, nowMs);
      for (const interval of held) if (interval[0] === endpoint) interval[2] = Math.min(interval[2], nowMs);
    }
    for (const call of running.filter(({ endsMs }) => endsMs <= nowMs)) {
      running.splice(running.indexOf(call), 1);
      const view = views[call.endpoint]!;
      view.leases -= 1;
      view.record = afterSuccess(view.record, view.spec, nowMs);
      cells = cells.filter(({ cellNo }) => cellNo !== call.cell.cellNo);
    }
    for (const [endpoint, door] of doors.entries()) {
      const inFlight = (): number => running.filter((call) => call.endpoint === endpoint).length;
      while (door.length > 0 && inFlight() < views[endpoint]!.spec.concurrency) begin(door.shift()!);
    }
    admit();
    submit();
    admit();
  }
  return { makespanMs: nowMs, coldStarts, peakGpus, gpuMs: lengthOf(held), calls };
}

/** Time covered by the intervals of each endpoint: while a call was there, or its container might be. */
function lengthOf(held: readonly (readonly [endpoint: number, fromMs: number, toMs: number])[]): number {
  const coveredUntil = new Map<number, number>();
  let lengthMs = 0;
  for (const [endpoint, fromMs, toMs] of [...held].sort((left, right) => left[1] - right[1])) {
    const untilMs = Math.max(fromMs, coveredUntil.get(endpoint) ?? 0);
    lengthMs += Math.max(0, toMs - untilMs);
    coveredUntil.set(endpoint, Math.max(untilMs, toMs));
  }
  return lengthMs;
}

const record = (heldUntilMs: number): EndpointRecord => ({
  ...FRESH_ENDPOINT,
  warmUntilMs: heldUntilMs,
  gpuUntilMs: heldUntilMs,
});

const MODELS = ['m1', 'm2', 'm3'];
const REGIONS = ['US', 'EU', 'ASIA'];

const endpointArbitrary = fc.record({
  region: fc.constantFrom(...REGIONS),
  models: fc.uniqueArray(fc.constantFrom(...MODELS), { minLength: 1, maxLength: 2 }),
  concurrency: fc.constantFrom(1, 1, 1, 2, 3),
  scaledownWindowMs: fc.constantFrom(0, 10, 60, 300),
  heldUntilMs: fc.constantFrom(0, 0, 0, 7, 250),
  releaseMs: fc.constantFrom(null, null, 1, 5, 40),
});

const inputArbitrary = fc
  .record({
    endpoints: fc.array(endpointArbitrary, { minLength: 1, maxLength: 6 }),
    gpuLimit: fc.integer({ min: 1, max: 6 }),
    prices: fc.constant(BUILT_IN_PRICES),
    questions: fc.integer({ min: 1, max: 7 }),
    repeats: fc.integer({ min: 1, max: 3 }),
    gatesAfter: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 2 }),
    regionPolicy: fc.constantFrom('pin' as const, 'pin' as const, 'prefer' as const, 'any' as const),
    warmMs: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 9, maxLength: 9 }),
    coldMs: fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 9, maxLength: 9 }),
    lingerMs: fc.integer({ min: 1, max: 30 }),
  })
  .map(({ endpoints, warmMs, coldMs, lingerMs, ...rest }): PlanInput => {
    const pairs = REGIONS.flatMap((region) =>
      MODELS.filter((model) =>
        endpoints.some(
          (each) => each.models.includes(model) && (rest.regionPolicy !== 'pin' || each.region === region),
        ),
      ).map((model) => ({ region, model })),
    );
    return {
      ...rest,
      endpoints: endpoints.map(({ heldUntilMs, releaseMs, ...spec }, index) => ({
        spec: {
          ...spec,
          ...{ id: `e${index}`, workspace: 'w', hasHealthUrl: true, canRelease: releaseMs !== null },
        },
        ...{ gpu: 'T4', record: record(heldUntilMs), releaseMs },
      })),
      pairs,
      timeoutMs: 100,
      handover: { lingerMs, turnMs: 1e9 },
      timesOf: (region, model) => {
        const index = REGIONS.indexOf(region) * 3 + MODELS.indexOf(model);
        return {
          ...{ warmMs: warmMs[index]!, coldStartMs: coldMs[index]! },
          ...{ warmSource: 'learned', coldSource: 'learned' },
        };
      },
    };
  });

describe('a run in virtual time', () => {
  it.each(['question', 'region', 'pipeline', 'best'] as const)(
    'ends in order %s when the same run ends, decided job by job by admission and the runner',
    (order) => {
      fc.assert(
        fc.property(inputArbitrary, (input) => {
          const plan = simulateOrder(order, input);
          const { makespanMs, coldStarts, peakGpus } = plan;
          const gpuMs = plan.coldStartMs + plan.busyMs + plan.idleMs;
          const { calls: _calls, ...replayed } = replay(order, input);
          expect({ makespanMs, coldStarts, peakGpus, gpuMs }).toEqual(replayed);
        }),
        { numRuns: 400, seed: 4 },
      );
    },
  );
});

/** What a drawing has wrong: calls and cold starts that are not in it, and pieces that overlap or leave a hole between them. */
function faultsOf(timeline: readonly EndpointTimeline[], calls: readonly ReplayedCall[]): string[] {
  const faults: string[] = [];
  for (const { endpointId, questionNo, fromMs, warmFromMs, toMs } of calls) {
    const pieces = timeline.find((endpoint) => endpoint.endpointId === endpointId)?.intervals ?? [];
    const isIn = (state: IntervalState, from: number, to: number): boolean =>
      pieces.some((piece) => piece.state === state && piece.fromMs <= from && piece.toMs >= to);
    const answering = pieces.find(({ state, toMs: endsMs }) => state === 'busy' && endsMs >= toMs);
    if (!isIn('busy', warmFromMs, toMs)) faults.push(`call ${warmFromMs}-${toMs} of ${endpointId}`);
    else if (answering!.fromQuestion > questionNo || answering!.toQuestion < questionNo)
      faults.push(`question ${questionNo} at ${warmFromMs} of ${endpointId}`);
    if (warmFromMs > fromMs && !isIn('warming', fromMs, warmFromMs))
      faults.push(`cold start ${fromMs} of ${endpointId}`);
  }
  for (const { endpointId, intervals } of timeline) {
    for (const [index, { state, fromMs }] of intervals.entries()) {
      const before = intervals[index - 1];
      if (before === undefined || before.toMs === fromMs) continue;
      // A container that is gone comes back by a cold start, which takes no time where none is expected to.
      const isGone = before.toMs < fromMs && state === 'warming';
      if (!isGone) faults.push(`${endpointId} from ${before.toMs} to ${fromMs}`);
    }
  }
  return faults;
}

describe('the timeline of a plan', () => {
  // Alike questions, and more of them than it takes for rounds to repeat.
  const longArbitrary = fc
    .tuple(inputArbitrary, fc.integer({ min: 8, max: 24 }))
    .map(([input, questions]): PlanInput => ({ ...input, questions, repeats: 1 }));

  it.each(['question', 'region', 'pipeline', 'best'] as const)(
    'has every call and cold start of a run in order %s, and neither hole nor overlap',
    (order) => {
      let drawn = 0;
      fc.assert(
        fc.property(longArbitrary, fc.nat(), (input, at) => {
          const { timeline, isTruncated } = simulateOrder(order, input);
          const { calls } = replay(order, input);
          expect(isTruncated).toBe(false);
          expect(faultsOf(timeline, calls)).toEqual([]);
          // The control: a drawing that lacks any one of its calls is found out.
          const busy = timeline.flatMap(({ intervals }) => intervals.filter(({ state }) => state === 'busy'));
          const left = busy[at % Math.max(1, busy.length)];
          const lacking = timeline.map((endpoint) => ({
            ...endpoint,
            intervals: endpoint.intervals.filter((interval) => interval !== left),
          }));
          if (left !== undefined) expect(faultsOf(lacking, calls)).not.toEqual([]);
          drawn += busy.length;
        }),
        { numRuns: 60, seed: 7 },
      );
      expect(drawn).toBeGreaterThan(60);
    },
  );

  const aRun = (questions: number, gpuLimit: number): PlanInput => ({
    ...fc.sample(inputArbitrary, { numRuns: 1, seed: 1 })[0]!,
    ...{ questions, gpuLimit, repeats: 1, gatesAfter: [], regionPolicy: 'pin', timeoutMs: 1000 },
    pairs: MODELS.map((model) => ({ region: 'US', model })),
    endpoints: MODELS.map((model) => ({
      spec: {
        ...{
          id: model,
          region: 'US',
          models: [model],
          concurrency: 1,
          scaledownWindowMs: 100,
          workspace: 'w',
        },
        ...{ hasHealthUrl: true, canRelease: false },
      },
      ...{ gpu: 'T4', record: record(0), releaseMs: null },
    })),
    timesOf: (_, model) => ({
      ...{ warmMs: 10 + MODELS.indexOf(model), coldStartMs: 50 },
      ...{ warmSource: 'learned', coldSource: 'learned' },
    }),
  });

  it('draws a long run whole: short pauses become part of the calls', () => {
    const plan = simulateOrder('question', aRun(5000, 3));
    expect(plan.isTruncated).toBe(false);
    expect(plan.coldStarts).toBe(3);
    const [first] = plan.timeline;
    expect(first!.intervals).toEqual([
      { state: 'warming', fromMs: 0, toMs: 50, fromQuestion: 0, toQuestion: 0 },
      { state: 'busy', fromMs: 50, toMs: 50 + 12 * 5000 - 2, fromQuestion: 1, toQuestion: 5000 },
      { state: 'idle', fromMs: 60_048, toMs: 60_148, fromQuestion: 0, toQuestion: 0 },
    ]);
  });

  it('says where a run has too many cold starts to be drawn, and draws all endpoints up to the same moment', () => {
    const short = simulateOrder('question', aRun(60, 1));
    expect(short.coldStarts).toBeGreaterThan(100);
    expect(short.isTruncated).toBe(false);
    expect(faultsOf(short.timeline, replay('question', aRun(60, 1)).calls)).toEqual([]);

    const input = aRun(300, 1);
    const plan = simulateOrder('question', input);
    expect(plan.isTruncated).toBe(true);
    const untilMs = Math.max(...plan.timeline.flatMap(({ intervals }) => intervals.map(({ toMs }) => toMs)));
    expect(untilMs).toBeLessThan(plan.makespanMs);
    expect(plan.timeline.flatMap(({ intervals }) => intervals).length).toBeGreaterThan(500);
    const drawn = replay('question', input).calls.filter(({ toMs }) => toMs <= untilMs);
    expect(faultsOf(plan.timeline, drawn)).toEqual([]);
  });

  it('reckons with the first part of a run for the second, where hundreds of endpoints make that alone too much', () => {
    const base = aRun(800, 3);
    const shared = base.endpoints.map((each) => ({ ...each, spec: { ...each.spec, models: MODELS } }));
    const others = Array.from({ length: 500 }, (_, index) => ({
      ...base.endpoints[0]!,
      spec: { ...base.endpoints[0]!.spec, id: `other-${index}`, models: ['another'] },
    }));
    const input = { ...base, endpoints: [...shared, ...others], gatesAfter: [400] };
    const plan = simulateOrder('pipeline', input);
    expect(plan.isExact).toBe(false);
    const first = simulateOrder('pipeline', { ...input, questions: 400, gatesAfter: [] });
    expect(plan.makespanMs).toBe(2 * first.makespanMs);
    expect(plan.busyMs).toBe(2 * first.busyMs);
  });
});

describe('the forecast of a run', () => {
  it('never holds more GPUs than the limit or than were held before, and adds up', () => {
    fc.assert(
      fc.property(inputArbitrary, (input) => {
        const { orders, best } = forecastRun(input);
        const bestMs = orders.best.makespanMs;
        const heldBefore = input.endpoints.filter(({ record: { gpuUntilMs } }) => gpuUntilMs > 0).length;
        expect(best.lowerBoundMs).toBeLessThanOrEqual(bestMs);
        for (const plan of Object.values(orders)) {
          expect(plan.peakGpus).toBeLessThanOrEqual(Math.max(input.gpuLimit, heldBefore));
          expect(bestMs).toBeLessThanOrEqual(plan.makespanMs);
          expect(plan.isTruncated).toBe(false);
          const intervals = plan.timeline.flatMap((endpoint) => endpoint.intervals);
          const lengthMs = (state: IntervalState): number =>
            intervals
              .filter((interval) => interval.state === state)
              .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
          expect({ warming: lengthMs('warming'), idle: lengthMs('idle') }).toEqual({
            warming: plan.coldStartMs,
            idle: plan.idleMs,
          });
          expect(lengthMs('busy')).toBe(plan.busyMs);
        }
      }),
      { numRuns: 400, seed: 5 },
    );
  });

  it('is the same for the same run', () => {
    fc.assert(
      fc.property(inputArbitrary, (input) => {
        expect(forecastRun(input)).toEqual(forecastRun(input));
      }),
      { numRuns: 50, seed: 6 },
    );
  });
});
