import { WEBHOOK_EVENT_TYPES, WEBHOOK_FAILURE_CODES, WEBHOOK_STATUSES } from '#domain';
import { z } from 'zod';

/** Most that one request has sent again. */
export const REDELIVER_MAX = 1000;

export const deliveryListQuery = {
  status: z.enum(WEBHOOK_STATUSES).optional(),
  event_type: z.enum(WEBHOOK_EVENT_TYPES).optional(),
  job_id: z.uuid().optional(),
  run_id: z.uuid().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[1-9][0-9]{0,17}$/, 'must be a next_cursor')
    .optional(),
};
export const deliveryListQuerySchema = z.strictObject(deliveryListQuery);

/** One webhook and what became of it. */
export const webhookDeliverySchema = z.object({
  /** `webhook-id` of every try. */
  event_id: z.uuid(),
  event_type: z.string(),
  /** null: a run's. Of a task, the id of its job, which is not the client's name for the task. */
  job_id: z.uuid().nullable(),
  run_id: z.uuid().nullable(),
  /** Counts the events of its job or run; null: queued by an older version. */
  sequence: z.int().nullable(),
  /** Host and port it goes to. */
  receiver: z.string(),
  status: z.enum(WEBHOOK_STATUSES),
  /** Made so far, one that is being made included. */
  tries: z.int(),
  /** Of the last try; null: it arrived, or none has ended. */
  last_error_code: z.enum(WEBHOOK_FAILURE_CODES).nullable(),
  /** HTTP status of the last try. */
  last_status: z.int().nullable(),
  created_at: z.iso.datetime(),
  /** null: it is not pending. */
  next_try_at: z.iso.datetime().nullable(),
  finished_at: z.iso.datetime().nullable(),
});
export type WebhookDeliveryView = z.infer<typeof webhookDeliverySchema>;

export const webhookDeliveryListSchema = z.object({
  deliveries: z.array(webhookDeliverySchema),
  next_cursor: z.string().nullable(),
});
export type WebhookDeliveryListView = z.infer<typeof webhookDeliveryListSchema>;

export const webhookDeliveryDetailsSchema = webhookDeliverySchema.extend({
  /** Without its query, which often holds a token. */
  url: z.string(),
  /** What is sent. */
  body: z.record(z.string(), z.unknown()),
});
export type WebhookDeliveryDetailsView = z.infer<typeof webhookDeliveryDetailsSchema>;

/** Which are sent again; the oldest first. */
export const redeliverRequestSchema = z.strictObject({
  status: z.enum(['failed', 'delivered', 'pending']).default('failed'),
  event_type: z.enum(WEBHOOK_EVENT_TYPES).optional(),
  job_id: z.uuid().optional(),
  run_id: z.uuid().optional(),
  limit: z.int().min(1).max(REDELIVER_MAX).default(REDELIVER_MAX),
});

export const redeliveredSchema = z.object({
  /** Deliveries that are sent again now. */
  redelivered: z.int().min(0),
  /** The limit was reached: there may be more. */
  more: z.boolean(),
});
export type RedeliveredView = z.infer<typeof redeliveredSchema>;
