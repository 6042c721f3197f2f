import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.js';

describe('a token bucket', () => {
  it('lets a burst through and then the rate', () => {
    const bucket = new TokenBucket({ perS: 2, burst: 3 }, 0);
    expect([0, 0, 0, 0].map((nowMs) => bucket.take(nowMs))).toEqual([0, 0, 0, 500]);
    expect(bucket.take(499)).toBeGreaterThan(0);
    expect(bucket.take(500)).toBe(0);
    expect(bucket.take(500)).toBe(500);
    expect(bucket.left(1500)).toBe(2);
    expect(bucket.fullInMs(1500)).toBe(500);
  });

  it('is unmoved by a clock that was set back', () => {
    const bucket = new TokenBucket({ perS: 1, burst: 1 }, 10_000);
    expect(bucket.take(10_000)).toBe(0);
    expect(bucket.take(5000)).toBe(1000);
    expect(bucket.take(6000)).toBe(0);
  });

  it('never lets more through than the burst and the rate, and always what it said it would', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(300), { maxLength: 60 }),
        (perS, burst, pauses) => {
          const bucket = new TokenBucket({ perS, burst }, 0);
          let nowMs = 0;
          let through = 0;
          for (const pause of pauses) {
            nowMs += pause;
            const waitMs = bucket.take(nowMs);
            if (waitMs === 0) through += 1;
            else {
              nowMs += Math.ceil(waitMs);
              expect(bucket.take(nowMs)).toBe(0);
              through += 1;
            }
            expect(through).toBeLessThanOrEqual(burst + (nowMs / 1000) * perS + 1e-6);
          }
        },
      ),
    );
  });

  it('keeps what was saved up when its size changes, as far as that allows', () => {
    const bucket = new TokenBucket({ perS: 1, burst: 10 }, 0);
    bucket.resize({ perS: 1, burst: 4 }, 0);
    expect(bucket.left(0)).toBe(4);
    bucket.resize({ perS: 1, burst: 10 }, 0);
    expect(bucket.left(0)).toBe(4);
  });
});
