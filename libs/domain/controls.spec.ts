import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lanesOf, planAdmission, type Candidate } from './admission.js';
import {
  CONTROL_KINDS,
  controlValueOf,
  endpointTarget,
  isDirectMode,
  ordersOf,
  planUndo,
  regionTarget,
  singleRegionOf,
  type Control,
  type ControlChange,
  type ControlValue,
} from './controls.js';
import { FRESH_ENDPOINT, capacityOf, endpointState, type EndpointView } from './endpoint.js';
import { drainedToRelease } from './gpu-handover.js';

const NOW = 1_000_000;

function aControl(target: string, value: ControlValue, changeId = 1): Control {
  return {
    ...{ kind: value.kind, target, value, changeId },
    ...{ reason: null, actor: 'ops', tenant: 'ops', sinceMs: NOW - 1, untilMs: null },
  };
}

const pause = (target: string, more: { drain?: boolean; release?: boolean } = {}): Control =>
  aControl(target, { kind: 'pause', drain: false, release: false, ...more });
const only = (region: string): Control => aControl('single_region', { kind: 'mode', region });
const direct = aControl('direct', { kind: 'mode', region: null });

function anEndpoint(
  id: string,
  controls: readonly Control[],
  changes: Partial<EndpointView> = {},
): EndpointView {
  const region = id.split('-')[0]!;
  const orders = ordersOf({ id, region }, controls);
  return {
    spec: {
      ...{ id, region, workspace: 'w', models: ['m'], concurrency: 2, scaledownWindowMs: 60_000 },
      ...{ hasHealthUrl: true, canRelease: true },
    },
    leases: 0,
    dispatcherAlive: true,
    orders,
    ...changes,
    record: {
      ...FRESH_ENDPOINT,
      ...{ warmUntilMs: NOW + 60_000, gpuUntilMs: NOW + 60_000 },
      ...changes.record,
      paused: orders.pauses.length > 0,
    },
  };
}

let jobNo = 0;
const aJob = (lane: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{
    jobId: `job-${++jobNo}`,
    tenant: 'a',
    lane,
    model: 'm',
    isRetry: false,
    orderKey: jobNo,
    avoidRegions: [],
  },
  ...more,
});

describe('a pause', () => {
  it.each<[string, Control[], boolean]>([
    ['nothing', [], false],
    ['the endpoint', [pause(endpointTarget('US-a'))], true],
    ['its region', [pause(regionTarget('US'))], true],
    ['both', [pause(endpointTarget('US-a')), pause(regionTarget('US'))], true],
    ['another endpoint', [pause(endpointTarget('US-b'))], false],
    ['another region', [pause(regionTarget('EU'))], false],
    ['an endpoint whose name is the region', [pause(endpointTarget('US'))], false],
  ])('of %s: the endpoint is paused or not', (_of, controls, isPaused) => {
    const view = anEndpoint('US-a', controls);
    expect(capacityOf(view, NOW)).toEqual(isPaused ? { start: 0, stage: 0 } : { start: 2, stage: 1 });
    expect(endpointState(view, NOW)).toBe(isPaused ? 'paused' : 'warm');
    expect(endpointState({ ...view, leases: 1 }, NOW)).toBe(isPaused ? 'draining' : 'warm');
  });

  it('of a region and one of an endpoint are separate: with the one gone the other holds', () => {
    const own = pause(endpointTarget('US-a'));
    expect(ordersOf({ id: 'US-a', region: 'US' }, [own, pause(regionTarget('US'))]).pauses).toHaveLength(2);
    expect(ordersOf({ id: 'US-a', region: 'US' }, [own]).pauses).toEqual([own]);
  });

  it('leaves pinned jobs waiting and lets others go elsewhere', () => {
    const controls = [pause(regionTarget('US'))];
    const endpoints = [anEndpoint('US-a', controls), anEndpoint('EU-a', controls)];
    const jobs = [aJob('pin:US'), aJob('prefer:US'), aJob('any')];
    const plan = planAdmission(endpoints, jobs, 8, NOW);
    expect(plan.map(({ jobId, region }) => [jobId, region])).toEqual([
      [jobs[1]!.jobId, 'EU'],
      [jobs[2]!.jobId, 'EU'],
    ]);
  });

  it('keeps an endpoint from being kept warm', () => {
    const warm = aControl(endpointTarget('US-a'), { kind: 'warm' });
    expect(ordersOf({ id: 'US-a', region: 'US' }, [warm]).keepWarm).toBe(true);
    expect(ordersOf({ id: 'US-a', region: 'US' }, [warm, pause(regionTarget('US'))]).keepWarm).toBe(false);
  });

  it.each<[string, Control[], Partial<EndpointView>, boolean]>([
    ['its last call has ended', [pause('endpoint:US-a', { drain: true, release: true })], {}, true],
    ['a call is in flight', [pause('endpoint:US-a', { drain: true, release: true })], { leases: 1 }, false],
    ['it was not asked to', [pause('endpoint:US-a', { drain: true })], {}, false],
    [
      'it holds no GPU',
      [pause('region:US', { drain: true, release: true })],
      { record: { ...FRESH_ENDPOINT, gpuUntilMs: NOW } },
      false,
    ],
    [
      'it is being released',
      [pause('region:US', { drain: true, release: true })],
      { record: { ...FRESH_ENDPOINT, gpuUntilMs: NOW + 9, releasingUntilMs: NOW + 5 } },
      false,
    ],
  ])('with a release gives the container up or not: %s', (_when, controls, changes, expected) => {
    expect(drainedToRelease([anEndpoint('US-a', controls, changes)], NOW)).toEqual(expected ? ['US-a'] : []);
  });
});

describe('single-region mode', () => {
  const controls = [only('EU')];
  const endpoints = [
    anEndpoint('US-a', controls),
    anEndpoint('EU-a', controls),
    anEndpoint('ASIA-a', controls),
  ];

  it('leaves other regions their pinned jobs alone, and gives the region all else', () => {
    const [us, eu, asia] = endpoints;
    expect(lanesOf(us!, 'm', endpoints)).toEqual(['pin:US']);
    expect(lanesOf(asia!, 'm', endpoints)).toEqual(['pin:ASIA']);
    expect(lanesOf(eu!, 'm', endpoints)).toEqual(['pin:EU', 'prefer:EU', 'any', 'prefer:US', 'prefer:ASIA']);
  });

  it('sends a job back to the region although it failed there: there is no other', () => {
    const job = aJob('any', { avoidRegions: ['EU'] });
    expect(planAdmission(endpoints, [job], 8, NOW)).toMatchObject([{ jobId: job.jobId, region: 'EU' }]);
  });

  it('is not left because the region is down: jobs wait for it', () => {
    const down = endpoints.map((view) =>
      view.spec.region === 'EU' ? { ...view, dispatcherAlive: false } : view,
    );
    expect(planAdmission(down, [aJob('prefer:EU'), aJob('any')], 8, NOW)).toEqual([]);
  });
});

describe('direct mode', () => {
  it('puts what a caller waits for before retries and any priority', () => {
    const controls = [direct];
    expect(isDirectMode(controls)).toBe(true);
    const jobs = [
      aJob('any', { isRetry: true, orderKey: 1 }),
      aJob('any', { orderKey: 2 }),
      aJob('any', { isDirect: true, orderKey: 9 }),
    ];
    const endpoint = anEndpoint('US-a', controls, { leases: 1 });
    const plan = planAdmission([endpoint], jobs, 8, NOW);
    expect(plan.map(({ jobId, staged }) => [jobId, staged])).toEqual([
      [jobs[2]!.jobId, false],
      [jobs[0]!.jobId, true],
    ]);
  });
});

const anyTarget = fc.constantFrom('endpoint:US-a', 'endpoint:EU-a', 'region:US', 'region:EU');
const anyControl = fc.oneof(
  anyTarget.map((target) => pause(target)),
  anyTarget.map((target) => aControl(target, { kind: 'warm' })),
  fc.constantFrom('US', 'EU').map(only),
  fc.constant(direct),
);

describe('whatever is in force', () => {
  it('no endpoint gets more than it takes, a paused one nothing, and no pinned job leaves its region', () => {
    fc.assert(
      fc.property(
        fc.array(anyControl, { maxLength: 6 }),
        fc.array(
          fc.record({
            lane: fc.constantFrom('pin:US', 'pin:EU', 'prefer:US', 'prefer:EU', 'any', 'endpoint:US-a'),
            isDirect: fc.boolean(),
            isRetry: fc.boolean(),
            orderKey: fc.nat(20),
          }),
          { maxLength: 12 },
        ),
        fc.integer({ min: 0, max: 2 }),
        fc.nat(3),
        (controls, wanted, gpuLimit, leases) => {
          const cold = { ...FRESH_ENDPOINT };
          const endpoints = [
            anEndpoint('US-a', controls, { leases }),
            anEndpoint('EU-a', controls, { record: cold }),
          ];
          const jobs = wanted.map(({ lane, ...more }) => aJob(lane, more));
          const plan = planAdmission(endpoints, jobs, gpuLimit, NOW);
          expect(new Set(plan.map(({ jobId }) => jobId)).size).toBe(plan.length);
          for (const view of endpoints) {
            const given = plan.filter(({ endpointId }) => endpointId === view.spec.id);
            const { start, stage } = capacityOf(view, NOW);
            expect(given.length).toBeLessThanOrEqual(start + stage);
            if (view.record.paused) expect(given).toEqual([]);
            const lanes = given.map(({ jobId }) => jobs.find((job) => job.jobId === jobId)!.lane);
            for (const lane of lanes.filter((each) => each.startsWith('pin:')))
              expect(lane).toBe(`pin:${view.spec.region}`);
            const region = singleRegionOf(controls);
            if (region !== undefined && region !== view.spec.region)
              expect(lanes.every((lane) => /^(pin|endpoint):/.test(lane))).toBe(true);
          }
        },
      ),
    );
  });
});

describe('taking a change back', () => {
  const state = (untilMs: number | null): ControlChange['before'] => {
    const { changeId: _id, kind: _kind, target: _target, ...rest } = pause('endpoint:US-a');
    return { ...rest, untilMs };
  };
  const change = (before: ControlChange['before']): ControlChange => ({
    ...{ changeId: 7, kind: 'pause', target: 'endpoint:US-a', before, after: null },
  });
  it.each<[string, ControlChange['before'], number, ReturnType<typeof planUndo>]>([
    ['restores that nothing was in force', null, 7, { kind: 'restore', state: null }],
    ['restores what was', state(null), 7, { kind: 'restore', state: state(null) }],
    ['restores what would still hold', state(NOW + 1), 7, { kind: 'restore', state: state(NOW + 1) }],
    ['does not restore what would be over', state(NOW), 7, { kind: 'restore', state: null }],
    [
      'is refused after a later change of the same thing',
      state(null),
      9,
      { kind: 'refuse', laterChangeId: 9 },
    ],
  ])('%s', (_what, before, latest, expected) => {
    expect(planUndo(change(before), latest, NOW)).toEqual(expected);
  });
});

describe('a stored value', () => {
  const values: ControlValue[] = [
    { kind: 'pause', drain: true, release: false },
    { kind: 'warm' },
    { kind: 'mode', region: 'EU' },
    { kind: 'mode', region: null },
    { kind: 'setting', value: 5 },
  ];
  it.each(values)('is read as it was written: %j', (value) => {
    expect(controlValueOf(value.kind, JSON.parse(JSON.stringify(value)))).toEqual(value);
  });

  it('that is not what it should be is none', () => {
    expect(controlValueOf('setting', { value: '5' })).toBeUndefined();
    for (const kind of CONTROL_KINDS) expect(controlValueOf(kind, null)).toBeUndefined();
  });
});
