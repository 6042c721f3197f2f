import type { z } from 'zod';
import { jobWebhookSchema, taskWebhookSchema } from './http/job-webhooks.js';
import { runWebhookSchema } from './http/run-webhooks.js';
import type { SettledComponents } from './openapi-components.js';
import type { Examples } from './openapi-examples.js';

const HEADERS = [
  ['webhook-id', 'Id of the event: the same for every try'],
  ['webhook-timestamp', 'Unix seconds of this try'],
  [
    'webhook-signature',
    'HMAC-SHA256 of id, time and body: `v1,` and Base64; left out where there is no secret',
  ],
] as const;

export const WEBHOOK_BODIES = [runWebhookSchema, jobWebhookSchema, taskWebhookSchema] as const;

/** What a `webhook_url` has to take. */
export function webhookEvents(components: SettledComponents, examples: Examples): Record<string, unknown> {
  const eventOf = (id: string, tag: string, summary: string, body: z.ZodType): Record<string, unknown> => {
    const schema = components.refer(body, 'output');
    return {
      post: {
        operationId: id,
        tags: [tag],
        summary: `${summary}, as Standard Webhooks has it`,
        description: 'Answer 2xx within the timeout; anything else is tried again. See docs/webhooks.md.',
        // Who sends it is told by the signature.
        security: [],
        parameters: HEADERS.map(([name, description]) => ({
          ...{ name, in: 'header', required: name !== 'webhook-signature', description },
          schema: { type: 'string' },
        })),
        requestBody: {
          required: true,
          content: { 'application/json': { schema, ...examples.ofRequest(id, schema) } },
        },
        responses: {
          '2XX': { description: 'Taken' },
          '4XX': { description: 'Tried again, and given up after a while' },
        },
      },
    };
  };
  return {
    'run-event': eventOf(
      'run_event',
      'runs',
      'Tells of the gates of a run, of its budget and of its end',
      runWebhookSchema,
    ),
    'job-event': eventOf('job_event', 'jobs', 'Tells of the end of a job', jobWebhookSchema),
    'task-event': eventOf('task_event', 'tasks', 'Tells of the end of a task', taskWebhookSchema),
  };
}
