import { WEBHOOK_FAILURE_CODES, WEBHOOK_STATUSES } from '#domain';
import { z } from 'zod';

// What customers see of their webhooks. Where they go, what they say and what the receiver answered is the tenant's own.

const time = z.iso.datetime();

const delivery = {
  event_id: z.uuid(),
  event_type: z.string(),
  job_id: z.uuid().nullable(),
  run_id: z.uuid().nullable(),
  sequence: z.int().nullable(),
  receiver: z.string(),
  status: z.enum(WEBHOOK_STATUSES),
  tries: z.int(),
  last_error_code: z.enum(WEBHOOK_FAILURE_CODES).nullable(),
  last_status: z.int().nullable().describe('Of the receiver.'),
  created_at: time,
  next_try_at: time.nullable(),
  finished_at: time.nullable(),
};
export const charterWebhookDeliverySchema = z.strictObject(delivery).meta({ id: 'WebhookDeliveryCharter' });

export const charterWebhookDeliveryListSchema = z
  .strictObject({
    deliveries: z.array(charterWebhookDeliverySchema),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'WebhookDeliveryListCharter' });

export const charterWebhookDeliveryDetailsSchema = z
  .strictObject({
    ...delivery,
    url: z.string(),
    body: z
      .record(z.string(), z.unknown())
      .describe('As it is sent to the customer in any case: its own schemas say what a webhook holds.'),
  })
  .meta({ id: 'WebhookDeliveryDetailsCharter' });

export const charterRedeliveredSchema = z
  .strictObject({ redelivered: z.int().min(0), more: z.boolean() })
  .meta({ id: 'RedeliveredCharter' });
