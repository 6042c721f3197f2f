import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planAdmission, type Candidate } from './admission.js';
import { FRESH_ENDPOINT, type EndpointView } from './endpoint.js';
import { TenantTurns, aheadUnderFairness, drawFairly, type TenantShare } from './fair-share.js';

const NOW_MS = 1_000_000;
const TENANTS = ['a', 'b', 'c', 'd'];

const jobs = fc
  .array(fc.constantFrom(...TENANTS), { maxLength: 40 })
  .map((tenants) => tenants.map((tenant, index) => ({ tenant, id: index })));
const shares = fc.array(
  fc.record({
    tenant: fc.constantFrom(...TENANTS),
    endpointId: fc.constantFrom('US-a', 'US-b'),
    inFlight: fc.nat(5),
    servedAtMs: fc.nat(1000),
  }),
  { maxLength: 8 },
);
const at = (given: readonly TenantShare[]) => new TenantTurns(given).at('US-a');
const letters = (text: string) => [...text].map((tenant, id) => ({ tenant, id }));
const drawn = (text: string, count: number, given: readonly TenantShare[] = []) =>
  drawFairly(letters(text), count, at(given))
    .map(({ tenant }) => tenant)
    .join('');

describe('turns between tenants', () => {
  it.each<[string, string, number, TenantShare[], string]>([
    ['one that comes alternates with a backlog', 'aaaaaabb', 5, [], 'ababa'],
    ['who has nothing in flight goes before who has', 'aaab', 1, [share('a', 1, 5)], 'b'],
    ['and catches up', 'aaabbb', 4, [share('a', 2, 5)], 'bbab'],
    [
      'of equals goes the one that was served least recently',
      'abc',
      3,
      [share('a', 0, 9), share('b', 0, 3)],
      'cba',
    ],
    ['who has nothing left leaves the rest to the others', 'abaaa', 4, [], 'abaa'],
  ])('%s', (_name, text, count, given, expected) => {
    expect(drawn(text, count, given)).toBe(expected);
  });

  it('what a tenant has elsewhere takes nothing from it at an endpoint, and counts for its claims to GPUs', () => {
    const turns = new TenantTurns([{ ...share('a', 7, 9), endpointId: 'US-b' }]);
    expect(turns.at('US-a').compare('a', 'b')).toBe(0);
    expect(turns.claims().compare('a', 'b')).toBeGreaterThan(0);
  });

  it('with one tenant nothing changes', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(50), shares, (length, count, given) => {
        const own = Array.from({ length }, (_, id) => ({ tenant: 'a', id }));
        expect(drawFairly(own, count, at(given))).toEqual(own.slice(0, count));
      }),
    );
  });

  it('nobody overtakes itself, nothing is drawn twice, and nothing stays free while there is work', () => {
    fc.assert(
      fc.property(jobs, fc.nat(50), shares, (waiting, count, given) => {
        const got = drawFairly(waiting, count, at(given));
        expect(new Set(got).size).toBe(Math.min(count, waiting.length));
        for (const tenant of TENANTS) {
          const ids = got.filter((job) => job.tenant === tenant).map(({ id }) => id);
          const own = waiting.filter((job) => job.tenant === tenant).map(({ id }) => id);
          expect(ids).toEqual(own.slice(0, ids.length));
        }
      }),
    );
  });

  it('whoever gets something has then at most one more in flight than anybody who still waits', () => {
    fc.assert(
      fc.property(jobs, fc.nat(50), shares, (waiting, count, given) => {
        const got = drawFairly(waiting, count, at(given));
        const inFlight = (tenant: string): number =>
          given
            .filter((entry) => entry.tenant === tenant && entry.endpointId === 'US-a')
            .reduce((sum, entry) => sum + entry.inFlight, 0) +
          got.filter((job) => job.tenant === tenant).length;
        const served = new Set(got.map(({ tenant }) => tenant));
        const left = waiting.filter((job) => !got.includes(job));
        for (const { tenant } of left)
          for (const other of served) expect(inFlight(other)).toBeLessThanOrEqual(inFlight(tenant) + 1);
      }),
    );
  });

  it('everybody who waits is served within as many turns as there are tenants, at an endpoint for one call', () => {
    fc.assert(
      fc.property(shares, (given) => {
        const idle = given.map((entry) => ({ ...entry, inFlight: 0 }));
        const got = drawn('aaaaaaaabbbbbbbbccccccccdddddddd', TENANTS.length, idle);
        expect([...got].sort()).toEqual(TENANTS);
      }),
    );
  });

  it('the place told is the place taken', () => {
    fc.assert(
      fc.property(jobs, shares, fc.nat(), (waiting, given, seed) => {
        fc.pre(waiting.length > 0);
        const mine = waiting[seed % waiting.length]!;
        const idle = given.map((entry) => ({ ...entry, inFlight: 0 }));
        const place = drawFairly(waiting, waiting.length, at(idle)).indexOf(mine);
        const first = (tenant: string) => waiting.findIndex((job) => job.tenant === tenant);
        const others = TENANTS.filter((tenant) => tenant !== mine.tenant).map((tenant) => ({
          waiting: waiting.filter((job) => job.tenant === tenant).length,
          goesFirst: (at(idle).compare(tenant, mine.tenant) || first(tenant) - first(mine.tenant)) < 0,
        }));
        const own = waiting.filter(({ tenant, id }) => tenant === mine.tenant && id < mine.id).length;
        const told = aheadUnderFairness(own, others);
        // Among equals without a past the sequence of later rounds is that of the heads then, not of those now.
        expect(Math.abs(told - place)).toBeLessThan(TENANTS.length);
      }),
    );
  });
});

describe('admission between tenants', () => {
  const view = (id: string, changes: Partial<EndpointView> = {}, warm = true): EndpointView => ({
    spec: {
      ...{ id, region: 'US', workspace: 'w', models: [id], concurrency: 1, scaledownWindowMs: 1000 },
      ...{ hasHealthUrl: true, canRelease: false },
    },
    record: { ...FRESH_ENDPOINT, ...(warm ? { warmUntilMs: NOW_MS + 1000, gpuUntilMs: NOW_MS + 1000 } : {}) },
    leases: 0,
    dispatcherAlive: true,
    ...changes,
  });
  const job = (tenant: string, model: string, orderKey: number, isRetry = false): Candidate => ({
    ...{ jobId: `${tenant}-${model}-${orderKey}`, tenant, lane: 'any', model, isRetry, orderKey },
    avoidRegions: [],
  });
  const plan = (views: EndpointView[], waiting: Candidate[], gpus: number, given: TenantShare[] = []) =>
    planAdmission(views, waiting, gpus, NOW_MS, undefined, given).map(({ jobId }) => jobId);

  it('a flood, retries among it, does not go before the first job of another', () => {
    const flood = Array.from({ length: 50 }, (_, index) => job('a', 'm', index, index < 10));
    const busy = view('m', { leases: 1 });
    const given = [{ tenant: 'a', endpointId: 'm', inFlight: 1, servedAtMs: 5 }];
    expect(plan([busy], [...flood, job('b', 'm', 99)], 8, given)).toEqual(['b-m-99']);
    expect(plan([busy], flood, 8, given)).toEqual(['a-m-0']);
  });

  it('the last free GPU goes to the tenant that has the fewest calls in flight', () => {
    const cold = [view('x', {}, false), view('y', {}, false)];
    const waiting = [job('a', 'x', 1), job('b', 'y', 2)];
    const given = [{ tenant: 'a', endpointId: 'z', inFlight: 3, servedAtMs: 5 }];
    expect(plan(cold, waiting, 1, given)).toEqual(['b-y-2']);
    expect(plan(cold, waiting, 1)).toEqual(['a-x-1']);
  });

  it('GPUs that are free at once are shared out, not all given to who came first', () => {
    const cold = ['w', 'x', 'y', 'z'].map((id) => view(id, {}, false));
    const waiting = [job('a', 'w', 1), job('a', 'x', 2), job('a', 'y', 3), job('b', 'z', 4)];
    expect(plan(cold, waiting, 2)).toEqual(['a-w-1', 'b-z-4']);
  });
});

function share(tenant: string, inFlight: number, servedAtMs: number): TenantShare {
  return { tenant, endpointId: 'US-a', inFlight, servedAtMs };
}
