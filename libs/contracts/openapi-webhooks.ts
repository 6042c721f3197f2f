import { z } from 'zod';
import { jobWebhookSchema, taskWebhookSchema } from './http/job-webhooks.js';
import { runWebhookSchema } from './http/run-webhooks.js';
import {
  deliveryListQuery,
  redeliverRequestSchema,
  redeliveredSchema,
  webhookDeliveryDetailsSchema,
  webhookDeliveryListSchema,
  webhookDeliverySchema,
} from './http/webhook-deliveries.js';
import type { Operation } from './openapi.js';
import { BODY_PROBLEMS } from './openapi-problems.js';

/** What became of webhooks, and sending them again. */
export function webhookOperations(): Operation[] {
  return [
    {
      method: 'get',
      path: '/webhook-deliveries',
      tag: 'webhooks',
      summary: 'List webhooks and what became of them, newest first',
      query: deliveryListQuery,
      responses: { 200: webhookDeliveryListSchema },
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'get',
      path: '/webhook-deliveries/{event_id}',
      tag: 'webhooks',
      summary: 'Read one webhook, with its body',
      responses: { 200: webhookDeliveryDetailsSchema },
      problems: ['WEBHOOK_NOT_FOUND'],
    },
    {
      method: 'post',
      path: '/webhook-deliveries/{event_id}/redeliver',
      tag: 'webhooks',
      summary: 'Send one webhook again, with the same id',
      responses: { 202: webhookDeliverySchema },
      problems: ['WEBHOOK_NOT_FOUND'],
    },
    {
      method: 'post',
      path: '/webhook-deliveries/redeliver',
      tag: 'webhooks',
      summary: 'Send those again that were given up, or others by filter',
      request: redeliverRequestSchema,
      responses: { 202: redeliveredSchema },
      problems: BODY_PROBLEMS,
    },
  ];
}

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

/** What a `webhook_url` has to take. */
export function webhookEvents(): Record<string, unknown> {
  return {
    'run-event': eventOf(
      'runs',
      'Tells of the gates of a run, of its budget and of its end',
      runWebhookSchema,
    ),
    'job-event': eventOf('jobs', 'Tells of the end of a job', jobWebhookSchema),
    'task-event': eventOf('tasks', 'Tells of the end of a task', taskWebhookSchema),
  };
}

function eventOf(tag: string, summary: string, schema: z.ZodType): Record<string, unknown> {
  const { $schema: _draft, ...document } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
  return {
    post: {
      tags: [tag],
      summary: `${summary}, as Standard Webhooks has it`,
      parameters: HEADERS.map((name) => ({
        ...{ name, in: 'header', required: name !== 'webhook-signature', schema: { type: 'string' } },
      })),
      requestBody: { required: true, content: { 'application/json': { schema: document } } },
      responses: { '2XX': { description: 'Taken; anything else is tried again' } },
    },
  };
}
