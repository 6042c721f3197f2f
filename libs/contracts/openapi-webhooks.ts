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
