import { GATE_STATUSES, RUN_STATUSES, WEBHOOK_FAILURE_CODES } from '#domain';
import { z } from 'zod';

const countsSchema = z.object({
  total: z.int(),
  accepted: z.int(),
  failed: z.int(),
  cancelled: z.int(),
});

const runPart = {
  run_id: z.uuid(),
  counts: countsSchema,
  /** Where to look, below Beacon's own URL. */
  path: z.string(),
};

const gatePart = { ...runPart, gate_id: z.string(), status: z.enum(GATE_STATUSES) };

/** Body that is POSTed to a run's `webhook_url`. Holds no prompt and no answer. */
export const runWebhookSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('gate.waiting'),
    timestamp: z.iso.datetime(),
    data: z.object({ ...gatePart, expires_at: z.iso.datetime() }),
  }),
  z.object({ type: z.literal('gate.decided'), timestamp: z.iso.datetime(), data: z.object(gatePart) }),
  z.object({
    type: z.literal('run.finished'),
    timestamp: z.iso.datetime(),
    data: z.object({ ...runPart, status: z.enum(RUN_STATUSES) }),
  }),
]);
export type RunWebhook = z.infer<typeof runWebhookSchema>;

/** What became of a run's webhooks. */
export const webhookSummarySchema = z.object({
  pending: z.int(),
  delivered: z.int(),
  failed: z.int(),
  /** Of the latest event whose last try failed. */
  last_error_code: z.enum(WEBHOOK_FAILURE_CODES).nullable(),
});
export type WebhookSummaryView = z.infer<typeof webhookSummarySchema>;
