import { describe, expect, it } from '@jest/globals';
import { WEBHOOK_EVENT_TYPES } from '#domain';
import { jobWebhookSchema, taskWebhookSchema } from './job-webhooks.js';
import { runWebhookSchema } from './run-webhooks.js';

const counts = { total: 4, accepted: 0, failed: 0, cancelled: 0 };
const decided = (data: object) => ({
  ...{ type: 'gate.decided', timestamp: '2026-12-01T00:00:00.000Z' },
  data: {
    ...{
      run_id: '6f0a3c1e-8f0e-4f5e-9d0a-2f1f4f1c9a11',
      sequence: 1,
      gate_id: 'q1',
      path: '/runs/x',
      counts,
    },
    ...data,
  },
});

describe('the body of a webhook', () => {
  it('is described for every event that is queued, and for no other', () => {
    const described = [runWebhookSchema, jobWebhookSchema, taskWebhookSchema].flatMap(({ options }) =>
      options.map(({ shape }): string => shape.type.value),
    );
    expect(described).toEqual([...WEBHOOK_EVENT_TYPES]);
  });

  it.each(['approved', 'rejected', 'expired'])(
    'says of a gate that it is %s as its event does',
    (decision) => {
      expect(runWebhookSchema.safeParse(decided({ decision })).success).toBe(true);
      expect(runWebhookSchema.safeParse(decided({ status: decision })).success).toBe(false);
    },
  );

  it('holds nothing that is not described', () => {
    expect(runWebhookSchema.safeParse(decided({ decision: 'approved' })).success).toBe(true);
    expect(runWebhookSchema.safeParse(decided({ decision: 'approved', cost: 1 })).success).toBe(false);
  });

  it('never says that a gate was decided to be waiting', () => {
    expect(runWebhookSchema.safeParse(decided({ decision: 'waiting' })).success).toBe(false);
  });
});
