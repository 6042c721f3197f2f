import {
  GATE_OUTCOMES,
  RUN_STATUSES,
  WEBHOOK_FAILURE_CODES,
  type GateStatus,
  type RunWebhookEvent,
} from '#domain';
import { z } from 'zod';

const countsSchema = z.strictObject({
  total: z.int(),
  accepted: z.int(),
  failed: z.int(),
  cancelled: z.int(),
});

const runPart = {
  run_id: z.uuid(),
  sequence: z.int().min(1).describe("Counts the run's events from 1."),
  counts: countsSchema,
  path: z.string().describe("Where to look, below Beacon's own URL."),
};

const gatePart = { ...runPart, gate_id: z.string() };

/** Its name, checked against those that are queued. */
function named<Type extends RunWebhookEvent>(type: Type) {
  return { type: z.literal(type), timestamp: z.iso.datetime() };
}

/** Body that is POSTed to a run's `webhook_url`: this and nothing else; no prompt, answer or cost. */
export const runWebhookSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      ...named('gate.waiting'),
      data: z.strictObject({
        ...gatePart,
        status: z.literal('waiting' satisfies GateStatus),
        expires_at: z.iso.datetime(),
      }),
    }),
    z.strictObject({
      ...named('gate.decided'),
      data: z.strictObject({ ...gatePart, decision: z.enum(GATE_OUTCOMES) }),
    }),
    z.strictObject({ ...named('run.budget_reached'), data: z.strictObject(runPart) }),
    z.strictObject({
      ...named('run.finished'),
      data: z.strictObject({ ...runPart, status: z.enum(RUN_STATUSES) }),
    }),
  ])
  .meta({ id: 'RunWebhook' });
export type RunWebhook = z.infer<typeof runWebhookSchema>;

/** What became of a run's webhooks. */
export const webhookSummarySchema = z
  .object({
    pending: z.int(),
    delivered: z.int(),
    failed: z.int(),
    last_error_code: z
      .enum(WEBHOOK_FAILURE_CODES)
      .nullable()
      .describe('Of the latest event whose last try failed.'),
  })
  .meta({ id: 'WebhookSummary' });
export type WebhookSummaryView = z.infer<typeof webhookSummarySchema>;
