import {
  GATE_OUTCOMES,
  RUN_STATUSES,
  WEBHOOK_FAILURE_CODES,
  type GateStatus,
  type WebhookEventType,
} from '#domain';
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

const gatePart = { ...runPart, gate_id: z.string() };

/** Its name, checked against those that are queued. */
function named<Type extends WebhookEventType>(type: Type) {
  return { type: z.literal(type), timestamp: z.iso.datetime() };
}

/** Body that is POSTed to a run's `webhook_url`. Holds no prompt and no answer. */
export const runWebhookSchema = z.discriminatedUnion('type', [
  z.object({
    ...named('gate.waiting'),
    data: z.object({
      ...gatePart,
      status: z.literal('waiting' satisfies GateStatus),
      expires_at: z.iso.datetime(),
    }),
  }),
  z.object({
    ...named('gate.decided'),
    data: z.object({ ...gatePart, decision: z.enum(GATE_OUTCOMES) }),
  }),
  z.object({
    ...named('run.finished'),
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
