import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs, type BackoffPolicy } from './backoff.js';

const aPolicy = fc.record({
  backoffMs: fc.integer({ min: 0, max: 600_000 }),
  backoffMaxMs: fc.integer({ min: 0, max: 3_600_000 }),
});
const anAttempt = fc.integer({ min: 1, max: 10_000 });
const aJitter = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** The longest wait: the draw that is as close to 1 as a double comes. */
const ALMOST_1 = 1 - Number.EPSILON / 2;

describe('backoff', () => {
  const policy: BackoffPolicy = { backoffMs: 2000, backoffMaxMs: 30_000 };

  it.each([
    [1, 2000],
    [2, 4000],
    [3, 8000],
    [4, 16_000],
    [5, 30_000],
    [6, 30_000],
    [1000, 30_000],
  ])('after attempt %d draws from a window of %d ms', (attempt, windowMs) => {
    expect(backoffMs(attempt, policy, 0)).toBe(0);
    expect(backoffMs(attempt, policy, 0.5)).toBe(windowMs / 2);
    expect(backoffMs(attempt, policy, ALMOST_1)).toBe(windowMs - 1);
  });

  it('is a whole number of milliseconds below its window, and never above the maximum', () => {
    fc.assert(
      fc.property(anAttempt, aPolicy, aJitter, (attempt, { backoffMs: base, backoffMaxMs: cap }, jitter) => {
        const waitMs = backoffMs(attempt, { backoffMs: base, backoffMaxMs: cap }, jitter);
        expect(Number.isSafeInteger(waitMs)).toBe(true);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(cap);
        expect(waitMs).toBeLessThanOrEqual(base * 2 ** Math.min(attempt - 1, 100));
      }),
    );
  });

  it('never shrinks from one attempt to the next for the same draw', () => {
    fc.assert(
      fc.property(anAttempt, aPolicy, aJitter, (attempt, some, jitter) => {
        expect(backoffMs(attempt + 1, some, jitter)).toBeGreaterThanOrEqual(backoffMs(attempt, some, jitter));
      }),
    );
  });

  it('grows with the draw, so that a burst of failures is spread over the whole window', () => {
    fc.assert(
      fc.property(anAttempt, aPolicy, aJitter, aJitter, (attempt, some, one, other) => {
        const [low, high] = one < other ? [one, other] : [other, one];
        expect(backoffMs(attempt, some, low)).toBeLessThanOrEqual(backoffMs(attempt, some, high));
      }),
    );
  });

  it('does not wait at all where the policy says so', () => {
    fc.assert(
      fc.property(anAttempt, aJitter, (attempt, jitter) => {
        expect(backoffMs(attempt, { backoffMs: 0, backoffMaxMs: 30_000 }, jitter)).toBe(0);
      }),
    );
  });
});
