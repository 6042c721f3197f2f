import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestLimiter } from './request-limiter.js';

/** A limiter whose time the test moves. */
function limited(
  requestsPerS: number,
  burst: number,
): { limiter: RequestLimiter; pass: (ms: number) => void } {
  let nowMs = 1000;
  return {
    limiter: new RequestLimiter(requestsPerS, burst, () => nowMs),
    pass: (ms) => (nowMs += ms),
  };
}

describe('caller rule 11: the limit on requests to a workspace', () => {
  it('lets the burst go at once and spaces what follows', () => {
    const { limiter } = limited(10, 3);
    expect([1, 2, 3, 4, 5].map(() => limiter.reserve())).toEqual([0, 0, 0, 100, 200]);
  });

  it('gives back what was not used, up to the burst', () => {
    const { limiter, pass } = limited(10, 2);
    for (let sent = 0; sent < 4; sent += 1) limiter.reserve();
    pass(60_000);
    expect([1, 2, 3].map(() => limiter.reserve())).toEqual([0, 0, 100]);
  });

  it('is none at all at 0', () => {
    const { limiter } = limited(0, 1);
    for (let sent = 0; sent < 1000; sent += 1) expect(limiter.reserve()).toBe(0);
  });

  it('is never exceeded in any second, whenever requests come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }),
        (requestsPerS, burst, gapsMs) => {
          let nowMs = 0;
          const limiter = new RequestLimiter(requestsPerS, burst, () => nowMs);
          const sentMs = gapsMs.map((gapMs) => {
            nowMs += gapMs;
            return nowMs + limiter.reserve();
          });
          for (const fromMs of sentMs) {
            const inSecond = sentMs.filter((ms) => ms >= fromMs && ms < fromMs + 1000 - 1e-6).length;
            expect(inSecond).toBeLessThanOrEqual(requestsPerS + burst);
          }
        },
      ),
    );
  });

  it('is not waited for by a call that has ended', async () => {
    const limiter = new RequestLimiter(0.001, 1);
    await limiter.turn(new AbortController().signal);
    const ended = new AbortController();
    const turn = limiter.turn(ended.signal);
    ended.abort();
    await expect(turn).rejects.toThrow();
  });
});
