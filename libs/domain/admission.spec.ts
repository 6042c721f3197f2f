import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { demandOf, lanesOf, planAdmission, type Candidate } from './admission.js';
import {
  FRESH_ENDPOINT,
  capacityOf,
  holdsGpu,
  mayServe,
  type EndpointRecord,
  type EndpointView,
} from './endpoint.js';

const NOW_MS = 1_000_000;

function anEndpoint(
  id: string,
  changes: {
    leases?: number;
    concurrency?: number;
    models?: readonly string[];
    alive?: boolean;
    record?: Partial<EndpointRecord>;
  } = {},
): EndpointView {
  const [region = 'US'] = id.split('-');
  return {
    spec: {
      id,
      region,
      workspace: 'w',
      models: changes.models ?? ['m'],
      concurrency: changes.concurrency ?? 1,
      scaledownWindowMs: 1000,
      hasHealthUrl: true,
      canRelease: false,
    },
    record: { ...FRESH_ENDPOINT, ...changes.record },
    leases: changes.leases ?? 0,
    dispatcherAlive: changes.alive ?? true,
  };
}
const warm = { warmUntilMs: NOW_MS + 1000, gpuUntilMs: NOW_MS + 1000 };

let nextId = 0;
function aCandidate(changes: Partial<Candidate> = {}): Candidate {
  nextId += 1;
  return {
    jobId: `job-${String(nextId).padStart(6, '0')}`,
    tenant: 'a',
    lane: 'any',
    model: 'm',
    isRetry: false,
    orderKey: nextId,
    avoidRegions: [],
    ...changes,
  };
}

const endpoints = fc
  .array(
    fc.record({
      region: fc.constantFrom('US', 'EU', 'ASIA'),
      leases: fc.nat(4),
      concurrency: fc.integer({ min: 1, max: 3 }),
      models: fc.constantFrom(['m'], ['n'], ['m', 'n']),
      alive: fc.boolean(),
      paused: fc.boolean(),
      breaker: fc.constantFrom('closed' as const, 'open' as const, 'half_open' as const),
      isWarm: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((list) =>
    list.map(({ region, isWarm, paused, breaker, ...rest }, index) =>
      anEndpoint(`${region}-${index}`, { ...rest, record: { paused, breaker, ...(isWarm ? warm : {}) } }),
    ),
  );
const candidates = fc
  .array(
    fc.record({
      lane: fc.constantFrom('pin:US', 'pin:EU', 'prefer:US', 'prefer:ASIA', 'any'),
      model: fc.constantFrom('m', 'n'),
      isRetry: fc.boolean(),
      orderKey: fc.nat(1000),
      avoidRegions: fc.subarray(['US', 'EU', 'ASIA']),
    }),
    { maxLength: 30 },
  )
  .map((list) => list.map((entry, index) => ({ ...entry, jobId: `job-${index}`, tenant: 'a' })));

describe('what admission never does', () => {
  const always = (check: (views: EndpointView[], jobs: Candidate[], gpuLimit: number) => void): void =>
    fc.assert(fc.property(endpoints, candidates, fc.integer({ min: 1, max: 8 }), check));

  it('gives an endpoint more than its capacity, or a job two tickets', () => {
    always((views, jobs, gpuLimit) => {
      const plan = planAdmission(views, jobs, gpuLimit, NOW_MS);
      expect(new Set(plan.map(({ jobId }) => jobId)).size).toBe(plan.length);
      for (const view of views) {
        const given = plan.filter(({ endpointId }) => endpointId === view.spec.id);
        const { start, stage } = capacityOf(view, NOW_MS);
        expect(given.filter(({ staged }) => !staged).length).toBeLessThanOrEqual(start);
        expect(given.filter(({ staged }) => staged).length).toBeLessThanOrEqual(stage);
      }
    });
  });

  it('caller rule 17: wakes more endpoints than the GPU limit leaves', () => {
    always((views, jobs, gpuLimit) => {
      const holding = views.filter((view) => holdsGpu(view, NOW_MS)).map(({ spec }) => spec.id);
      const woken = new Set(planAdmission(views, jobs, gpuLimit, NOW_MS).map(({ endpointId }) => endpointId));
      for (const id of holding) woken.delete(id);
      expect(woken.size).toBeLessThanOrEqual(Math.max(0, gpuLimit - holding.length));
    });
  });

  it('sends a job to an endpoint that does not serve its model, is down or paused, or may not draw its lane', () => {
    always((views, jobs, gpuLimit) => {
      for (const { jobId, endpointId } of planAdmission(views, jobs, gpuLimit, NOW_MS)) {
        const job = jobs.find((candidate) => candidate.jobId === jobId)!;
        const view = views.find(({ spec }) => spec.id === endpointId)!;
        expect(view.spec.models).toContain(job.model);
        expect(mayServe(view)).toBe(true);
        expect(lanesOf(view, job.model, views)).toContain(job.lane);
      }
    });
  });

  it('takes a pinned job out of its region', () => {
    always((views, jobs, gpuLimit) => {
      for (const { jobId, region } of planAdmission(views, jobs, gpuLimit, NOW_MS)) {
        const { lane } = jobs.find((candidate) => candidate.jobId === jobId)!;
        if (lane.startsWith('pin:')) expect(`pin:${region}`).toBe(lane);
      }
    });
  });

  it('reads more than it could use, or a lane nobody draws', () => {
    always((views) => {
      const total = views.reduce(
        (sum, view) => sum + capacityOf(view, NOW_MS).start + capacityOf(view, NOW_MS).stage,
        0,
      );
      for (const { lane, model, limit, region } of demandOf(views, NOW_MS)) {
        expect(limit).toBeLessThanOrEqual(total);
        expect(
          views.some((view) => view.spec.region === region && lanesOf(view, model, views).includes(lane)),
        ).toBe(true);
      }
    });
  });
});

describe('who goes first', () => {
  const order = (views: EndpointView[], jobs: Candidate[]): string[] =>
    planAdmission(views, jobs, 8, NOW_MS).map(({ jobId }) => jobId);

  it('is a retry, then the smaller order key', () => {
    const fresh = aCandidate({ orderKey: 1 });
    const older = aCandidate({ orderKey: 5, isRetry: true });
    const newer = aCandidate({ orderKey: 9, isRetry: true });
    const view = anEndpoint('US-a', { concurrency: 2, record: warm });
    expect(order([view], [fresh, newer, older])).toEqual([older.jobId, newer.jobId, fresh.jobId]);
  });

  it('goes to a warm endpoint before a cold one is woken, and stages only after both', () => {
    const plan = planAdmission(
      [anEndpoint('US-cold'), anEndpoint('EU-warm', { record: warm })],
      [aCandidate(), aCandidate(), aCandidate()],
      8,
      NOW_MS,
    );
    expect(plan.map(({ endpointId, staged }) => [endpointId, staged])).toEqual([
      ['EU-warm', false],
      ['US-cold', false],
      ['EU-warm', true],
    ]);
  });

  it('wakes the cold endpoint whose work has the best claim where one GPU is left', () => {
    const later = aCandidate({ lane: 'pin:US', orderKey: 9 });
    const first = aCandidate({ lane: 'pin:EU', orderKey: 1 });
    const plan = planAdmission([anEndpoint('US-a'), anEndpoint('EU-a')], [later, first], 1, NOW_MS);
    expect(plan.map(({ jobId }) => jobId)).toEqual([first.jobId]);
  });
});

describe('a job that prefers a region', () => {
  const job = aCandidate({ lane: 'prefer:US' });
  const elsewhere = anEndpoint('EU-a', { record: warm });

  it.each<[string, EndpointView, boolean]>([
    ['stays while its endpoint is cold', anEndpoint('US-a'), false],
    ['stays while its endpoint is busy', anEndpoint('US-a', { leases: 2, record: warm }), false],
    [
      'stays while its endpoint is tried again',
      anEndpoint('US-a', { leases: 1, record: { breaker: 'half_open' } }),
      false,
    ],
    ['leaves where its endpoint is down', anEndpoint('US-a', { record: { breaker: 'open' } }), true],
    ['leaves where its endpoint is paused', anEndpoint('US-a', { record: { paused: true } }), true],
    ['leaves where its region has no dispatcher', anEndpoint('US-a', { alive: false }), true],
    ['leaves where nothing there serves its model', anEndpoint('US-a', { models: ['n'] }), true],
  ])('%s', (_title, home, leaves) => {
    const plan = planAdmission([home, elsewhere], [job], 8, NOW_MS);
    expect(plan.some(({ region }) => region === 'EU')).toBe(leaves);
  });
});

describe('a job that failed in a region', () => {
  const job = aCandidate({ isRetry: true, avoidRegions: ['US'] });

  it('does not go back while another region may serve it, however busy that is', () => {
    const busy = anEndpoint('EU-a', { leases: 2, record: warm });
    expect(planAdmission([anEndpoint('US-a', { record: warm }), busy], [job], 8, NOW_MS)).toEqual([]);
  });

  it('goes back where no other region is able to serve it', () => {
    const down = anEndpoint('EU-a', { record: { breaker: 'open' } });
    const plan = planAdmission([anEndpoint('US-a', { record: warm }), down], [job], 8, NOW_MS);
    expect(plan.map(({ region }) => region)).toEqual(['US']);
  });
});
