import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { RequestLimiter } from './request-limiter.js';

const never = new AbortController().signal;

describe('caller rule 11: the limit on requests to a workspace', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1000 });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Asks for turns at once. @returns when each was given, in ms from now, as time goes by */
  const turnsOf = (limiter: RequestLimiter, count: number): number[] => {
    const given: number[] = [];
    const beganMs = performance.now();
    for (let index = 0; index < count; index += 1)
      void limiter.turn(never).then(() => given.push(Math.round(performance.now() - beganMs)));
    return given;
  };

  it('lets the burst go at once and spaces what follows', async () => {
    const given = turnsOf(new RequestLimiter(10, 3), 5);
    await jest.advanceTimersByTimeAsync(1000);
    expect(given).toEqual([0, 0, 0, 100, 200]);
  });

  it('gives back what was not used, up to the burst', async () => {
    const limiter = new RequestLimiter(10, 2);
    turnsOf(limiter, 4);
    await jest.advanceTimersByTimeAsync(60_000);
    const given = turnsOf(limiter, 3);
    await jest.advanceTimersByTimeAsync(1000);
    expect(given).toEqual([0, 0, 100]);
  });

  it('is none at all at 0', async () => {
    const given = turnsOf(new RequestLimiter(0, 1), 1000);
    await jest.advanceTimersByTimeAsync(0);
    expect(given).toHaveLength(1000);
  });

  it('forgets a request that was given up: the next one takes its place', async () => {
    const limiter = new RequestLimiter(10, 1);
    await limiter.turn(never);
    const ended = new AbortController();
    const abandoned = Array.from({ length: 600 }, () => limiter.turn(ended.signal));
    const refused = Promise.allSettled(abandoned);
    const given = turnsOf(limiter, 1);
    ended.abort(new Error('ended'));
    expect((await refused).every(({ status }) => status === 'rejected')).toBe(true);
    expect(limiter.queued).toBe(1);
    await jest.advanceTimersByTimeAsync(1000);
    expect(given).toEqual([100]);
  });

  it('is not waited for by what must not wait, which is counted all the same', async () => {
    const limiter = new RequestLimiter(10, 1);
    await limiter.turn(never);
    limiter.takeAtOnce();
    limiter.takeAtOnce();
    const given = turnsOf(limiter, 1);
    await jest.advanceTimersByTimeAsync(1000);
    expect(given).toEqual([300]);
  });

  it('is never exceeded in any second, whenever requests come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 100 }),
        async (requestsPerS, burst, gapsMs) => {
          const limiter = new RequestLimiter(requestsPerS, burst);
          const sentMs: number[] = [];
          for (const gapMs of gapsMs) {
            await jest.advanceTimersByTimeAsync(gapMs);
            void limiter.turn(never).then(() => sentMs.push(performance.now()));
          }
          await jest.advanceTimersByTimeAsync(200_000);
          expect(sentMs).toHaveLength(gapsMs.length);
          for (const fromMs of sentMs) {
            const inSecond = sentMs.filter((ms) => ms >= fromMs && ms < fromMs + 1000 - 1).length;
            expect(inSecond).toBeLessThanOrEqual(requestsPerS + burst);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
