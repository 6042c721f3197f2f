import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WEBHOOK_FAILURE_CODES, WEBHOOK_RETRY_POLICY, planAfterWebhookFailure } from './webhook-retry.js';

const HOUR_MS = 3_600_000;
const TRIES_MAX = WEBHOOK_RETRY_POLICY.pausesMs.length + 1;
const after = (code: (typeof WEBHOOK_FAILURE_CODES)[number], tries: number, asked: number | null = null) =>
  planAfterWebhookFailure(code, tries, asked, WEBHOOK_RETRY_POLICY, 0);
const allPauses = (jitter: number): number =>
  Array.from({ length: TRIES_MAX - 1 }, (_, index) =>
    planAfterWebhookFailure('UNREACHABLE', index + 1, null, WEBHOOK_RETRY_POLICY, jitter),
  ).reduce((sum, plan) => sum + (plan.kind === 'retry' ? plan.pauseMs : Number.NaN), 0);

describe('after a webhook that did not arrive', () => {
  it.each(WEBHOOK_FAILURE_CODES.filter((code) => code !== 'ADDRESS_REFUSED' && code !== 'GONE'))(
    'it is sent again after %s, until its tries are used up',
    (code) => {
      expect(after(code, 1)).toEqual({ kind: 'retry', pauseMs: 5000 });
      expect(after(code, TRIES_MAX - 1).kind).toBe('retry');
      expect(after(code, TRIES_MAX)).toEqual({ kind: 'giveUp' });
    },
  );

  it.each(['ADDRESS_REFUSED', 'GONE'] as const)('it is given up at once after %s', (code) => {
    expect(after(code, 1)).toEqual({ kind: 'giveUp' });
  });

  it('reaches a receiver that is back within 24 hours, and has an end', () => {
    expect(TRIES_MAX).toBe(17);
    expect(allPauses(0)).toBeGreaterThanOrEqual(24 * HOUR_MS);
    expect(allPauses(1 - Number.EPSILON)).toBeLessThan(29 * HOUR_MS);
  });

  it.each([
    ['longer than the pause: that long', 60_000, 60_000],
    ['shorter than the pause: the pause', 1000, 5000],
    ['longer than is reasonable: the longest', 400 * HOUR_MS, 6 * HOUR_MS],
  ])('does as the receiver asks: %s', (_title, asked, pauseMs) => {
    expect(after('RECEIVER_ERROR', 1, asked)).toEqual({ kind: 'retry', pauseMs });
  });

  it('never pauses for less than the schedule, nor for more than a fifth beyond it or what was asked', () => {
    const { pausesMs, retryAfterMaxMs } = WEBHOOK_RETRY_POLICY;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: TRIES_MAX - 1 }),
        fc.option(fc.integer({ min: 0, max: 1000 * HOUR_MS })),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (tries, asked, jitter) => {
          const plan = planAfterWebhookFailure('REFUSED', tries, asked, WEBHOOK_RETRY_POLICY, jitter);
          const least = Math.max(pausesMs[tries - 1]!, Math.min(asked ?? 0, retryAfterMaxMs));
          expect(plan.kind === 'retry' && plan.pauseMs >= Math.floor(least)).toBe(true);
          expect(plan.kind === 'retry' && plan.pauseMs <= least * 1.2).toBe(true);
        },
      ),
    );
  });
});
