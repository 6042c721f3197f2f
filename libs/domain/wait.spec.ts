import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FRESH_ENDPOINT, endpointState, type EndpointRecord, type EndpointView } from './endpoint.js';
import {
  estimateWaitMs,
  explainWait,
  whyWaits,
  type ExpectedTimes,
  type WaitCause,
  type WaitingJob,
} from './wait.js';

const NOW_MS = 1_000_000;
const warm = { warmUntilMs: NOW_MS + 60_000 };
const ASSUMED = { warmMs: 30_000, coldStartMs: 150_000 };
const TIMES: ExpectedTimes = { warmMs: 1000, coldMs: 20_000 };

function anEndpoint(
  record: Partial<EndpointRecord> = {},
  leases = 0,
  { concurrency = 1, alive = true }: { concurrency?: number; alive?: boolean } = {},
): EndpointView {
  return {
    spec: {
      id: 'US-m',
      region: 'US',
      workspace: 'w',
      models: ['m'],
      concurrency,
      scaledownWindowMs: 1000,
      hasHealthUrl: true,
      canRelease: false,
    },
    record: { ...FRESH_ENDPOINT, ...record },
    leases,
    dispatcherAlive: alive,
  };
}

describe('the estimated wait', () => {
  const estimate = (ahead: number, ...views: readonly EndpointView[]): number | undefined =>
    estimateWaitMs(
      ahead,
      views.map((view) => ({ view, times: TIMES })),
      NOW_MS,
      ASSUMED,
    );

  it.each<[string, number, readonly EndpointView[], number | undefined]>([
    ['nothing at an idle warm endpoint', 0, [anEndpoint(warm)], 0],
    ['one call per job before it', 3, [anEndpoint(warm)], 3000],
    ['half a call at a busy endpoint', 0, [anEndpoint(warm, 1)], 500],
    ['a call and a half behind a staged ticket', 0, [anEndpoint(warm, 2)], 1500],
    ['half as long at a concurrency of two', 4, [anEndpoint(warm, 0, { concurrency: 2 })], 2000],
    ['half as long at two endpoints', 4, [anEndpoint(warm), anEndpoint(warm)], 2000],
    ['the cold start while an endpoint warms up', 0, [anEndpoint({}, 1)], 20_000],
    ['nothing for the pilot of a cold endpoint', 0, [anEndpoint()], 0],
    ['the cold start behind the pilot of a cold endpoint', 1, [anEndpoint()], 21_000],
    ['what the warm one takes, where another is cold', 2, [anEndpoint(warm), anEndpoint()], 1000],
    ['unknown where no endpoint serves it', 5, [], undefined],
    ['unknown where all are down', 5, [anEndpoint({ breaker: 'open' })], undefined],
    [
      'unknown where all are paused',
      5,
      [anEndpoint({ paused: true }), anEndpoint({ paused: true }, 1)],
      undefined,
    ],
    ['unknown where no dispatcher answers', 5, [anEndpoint(warm, 0, { alive: false })], undefined],
  ])('is %s', (_title, ahead, views, expected) => {
    expect(estimate(ahead, ...views)).toBe(expected);
  });

  it('is reckoned from what is assumed until something was measured, a cold start on top of a call', () => {
    const unknown = { warmMs: undefined, coldMs: undefined };
    expect(estimateWaitMs(1, [{ view: anEndpoint(warm), times: unknown }], NOW_MS, ASSUMED)).toBe(30_000);
    expect(estimateWaitMs(0, [{ view: anEndpoint({}, 1), times: unknown }], NOW_MS, ASSUMED)).toBe(180_000);
  });

  const servers = fc.array(
    fc
      .record({
        isWarm: fc.boolean(),
        paused: fc.boolean(),
        open: fc.boolean(),
        leases: fc.nat(4),
        concurrency: fc.integer({ min: 1, max: 3 }),
        warmMs: fc.integer({ min: 0, max: 100_000 }),
        coldMs: fc.integer({ min: 0, max: 1_000_000 }),
      })
      .map(({ isWarm, paused, open, leases, concurrency, warmMs, coldMs }) => ({
        view: anEndpoint({ ...(isWarm ? warm : {}), paused, breaker: open ? 'open' : 'closed' }, leases, {
          concurrency,
        }),
        times: { warmMs, coldMs },
      })),
    { maxLength: 5 },
  );
  const count = fc.nat(10_000);

  it('never shrinks with the number of jobs before it, and is never negative', () => {
    fc.assert(
      fc.property(count, count, servers, (one, other, able) => {
        const [fewer, more] = one < other ? [one, other] : [other, one];
        const short = estimateWaitMs(fewer, able, NOW_MS, ASSUMED);
        const long = estimateWaitMs(more, able, NOW_MS, ASSUMED);
        if (short === undefined || long === undefined) expect(short).toBe(long);
        else {
          expect(short).toBeGreaterThanOrEqual(0);
          expect(long).toBeGreaterThanOrEqual(short);
        }
      }),
    );
  });

  it('never grows with another endpoint', () => {
    fc.assert(
      fc.property(count, servers, servers, (ahead, able, others) => {
        const before = estimateWaitMs(ahead, able, NOW_MS, ASSUMED);
        const after = estimateWaitMs(ahead, [...able, ...others], NOW_MS, ASSUMED);
        if (before !== undefined) expect(after).toBeLessThanOrEqual(before);
      }),
    );
  });

  it('is known exactly where an endpoint is able to take it', () => {
    fc.assert(
      fc.property(count, servers, (ahead, all) => {
        const able = all.some(({ view }) =>
          ['cold', 'warming', 'warm'].includes(endpointState(view, NOW_MS)),
        );
        expect(estimateWaitMs(ahead, all, NOW_MS, ASSUMED) !== undefined).toBe(able);
      }),
    );
  });
});

describe('why a job waits', () => {
  const job = (changes: Partial<WaitingJob> = {}): WaitingJob => ({
    isRetry: false,
    notBeforeMs: 0,
    pinnedRegion: undefined,
    aheadCount: 0,
    ...changes,
  });
  const pinned = { pinnedRegion: 'US' };
  const down = anEndpoint({ breaker: 'open', lastErrorCode: 'UPSTREAM_ERROR' });

  it.each<[string, WaitingJob, readonly EndpointView[], number]>([
    ['no endpoint in region US serves this model', job(pinned), [], 0],
    ['no endpoint in any allowed region serves this model', job(), [], 0],
    [
      'retry after backoff, due in 3 s',
      job({ notBeforeMs: NOW_MS + 2001, aheadCount: 4 }),
      [anEndpoint()],
      0,
    ],
    ['no dispatcher of region US is answering', job(pinned), [anEndpoint(warm, 0, { alive: false })], 0],
    [
      'every endpoint in region US is paused by an operator',
      job(pinned),
      [anEndpoint({ paused: true }, 1)],
      0,
    ],
    [
      'every endpoint in any allowed region is down (UPSTREAM_ERROR); probed until one is well',
      job(),
      [down, down, anEndpoint({ paused: true })],
      0,
    ],
    [
      'every endpoint in region US is down; probed until one is well',
      job(pinned),
      [anEndpoint({ breaker: 'half_open' })],
      0,
    ],
    ['1 job goes first', job({ aheadCount: 1 }), [anEndpoint()], 0],
    ['7 jobs go first', job({ aheadCount: 7 }), [anEndpoint(warm), down], 0],
    ['all 2 GPUs are in use; waiting for one to be released', job(), [anEndpoint(), anEndpoint()], 2],
    ['an endpoint is warming up', job(), [anEndpoint({}, 1), anEndpoint()], 0],
    ['an endpoint is about to be woken', job(), [anEndpoint()], 1],
    ['every endpoint that may take it is busy', job(), [anEndpoint(warm, 2), anEndpoint({}, 1)], 2],
  ])('%s', (sentence, waiting, views, gpusInUse) => {
    expect(explainWait(waiting, views, gpusInUse, 2, NOW_MS)).toBe(sentence);
  });

  it.each<[WaitCause, WaitingJob, readonly EndpointView[], number]>([
    ['no_endpoint', job(pinned), [], 0],
    ['no_dispatcher', job(pinned), [anEndpoint(warm, 0, { alive: false })], 0],
    ['paused', job(pinned), [anEndpoint({ paused: true })], 0],
    ['releasing', job(), [anEndpoint({ releasingUntilMs: NOW_MS + 1 })], 0],
    ['down', job(), [down], 0],
    ['backoff', job({ notBeforeMs: NOW_MS + 1 }), [anEndpoint()], 0],
    ['queue', job({ aheadCount: 1 }), [anEndpoint()], 0],
    ['gpu_limit', job(), [anEndpoint()], 2],
    ['warming', job(), [anEndpoint({}, 1)], 1],
    ['waking', job(), [anEndpoint()], 1],
    ['busy', job(), [anEndpoint(warm, 2)], 1],
  ])('is counted as %s', (cause, waiting, views, gpusInUse) => {
    expect(whyWaits(waiting, views, gpusInUse, 2, NOW_MS).cause).toBe(cause);
  });
});
