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
export const webhookDeliverySchema = z
  .object({
    event_id: z.uuid().describe('`webhook-id` of every try.'),
    event_type: z.string(),
    job_id: z
      .uuid()
      .nullable()
      .describe("null: a run's. Of a task, the id of its job, which is not the client's name for the task."),
    run_id: z.uuid().nullable(),
    sequence: z
      .int()
      .nullable()
      .describe('Counts the events of its job or run; null: queued by an older version.'),
    receiver: z.string().describe('Host and port it goes to.'),
    status: z.enum(WEBHOOK_STATUSES),
    tries: z.int().describe('Made so far, one that is being made included.'),
    last_error_code: z
      .enum(WEBHOOK_FAILURE_CODES)
      .nullable()
      .describe('Of the last try; null: it arrived, or none has ended.'),
    last_status: z.int().nullable().describe('HTTP status of the last try.'),
    created_at: z.iso.datetime(),
    next_try_at: z.iso.datetime().nullable().describe('null: it is not pending.'),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDeliveryView = z.infer<typeof webhookDeliverySchema>;

export const webhookDeliveryListSchema = z
  .object({
    deliveries: z.array(webhookDeliverySchema),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'WebhookDeliveryList' });
export type WebhookDeliveryListView = z.infer<typeof webhookDeliveryListSchema>;

export const webhookDeliveryDetailsSchema = webhookDeliverySchema
  .extend({
    url: z.string().describe('Without its query, which often holds a token.'),
    body: z.record(z.string(), z.unknown()).describe('What is sent.'),
  })
  .meta({ id: 'WebhookDeliveryDetails' });
export type WebhookDeliveryDetailsView = z.infer<typeof webhookDeliveryDetailsSchema>;

/** Which are sent again; the oldest first. */
export const redeliverRequestSchema = z
  .strictObject({
    status: z.enum(['failed', 'delivered', 'pending']).default('failed'),
    event_type: z.enum(WEBHOOK_EVENT_TYPES).optional(),
    job_id: z.uuid().optional(),
    run_id: z.uuid().optional(),
    limit: z.int().min(1).max(REDELIVER_MAX).default(REDELIVER_MAX),
  })
  .meta({ id: 'RedeliverRequest' });

export const redeliveredSchema = z
  .object({
    redelivered: z.int().min(0).describe('Deliveries that are sent again now.'),
    more: z.boolean().describe('The limit was reached: there may be more.'),
  })
  .meta({ id: 'Redelivered' });
export type RedeliveredView = z.infer<typeof redeliveredSchema>;
