import { describe, expect, it } from '@jest/globals';
import { WEBHOOK_FAILURE_CODES, WEBHOOK_RETRY_POLICY, planAfterWebhookFailure } from './webhook-retry.js';

const HOUR_MS = 3_600_000;

describe('after a webhook that did not arrive', () => {
  it.each(WEBHOOK_FAILURE_CODES.filter((code) => code !== 'ADDRESS_REFUSED' && code !== 'GONE'))(
    'it is sent again after %s, until its tries are used up',
    (code) => {
      const { maxTries } = WEBHOOK_RETRY_POLICY;
      expect(planAfterWebhookFailure(code, 1, WEBHOOK_RETRY_POLICY, 0.5)).toEqual({
        ...{ kind: 'retry', pauseMs: 5000 },
      });
      expect(planAfterWebhookFailure(code, maxTries - 1, WEBHOOK_RETRY_POLICY, 0.5).kind).toBe('retry');
      expect(planAfterWebhookFailure(code, maxTries, WEBHOOK_RETRY_POLICY, 0.5)).toEqual({ kind: 'giveUp' });
    },
  );

  it.each(['ADDRESS_REFUSED', 'GONE'] as const)('it is given up at once after %s', (code) => {
    expect(planAfterWebhookFailure(code, 1, WEBHOOK_RETRY_POLICY, 0)).toEqual({ kind: 'giveUp' });
  });

  it('is tried over hours, and never for more than six', () => {
    const pauses = Array.from({ length: WEBHOOK_RETRY_POLICY.maxTries - 1 }, (_, index) => {
      const plan = planAfterWebhookFailure(
        'UNREACHABLE',
        index + 1,
        WEBHOOK_RETRY_POLICY,
        1 - Number.EPSILON,
      );
      return plan.kind === 'retry' ? plan.pauseMs : 0;
    });
    const longestMs = pauses.reduce((sum, pauseMs) => sum + pauseMs, 0);
    expect(longestMs).toBeGreaterThan(5 * HOUR_MS);
    expect(longestMs).toBeLessThan(6 * HOUR_MS);
  });
});
