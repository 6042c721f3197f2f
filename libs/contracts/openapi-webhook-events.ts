import { z } from 'zod';
import { jobWebhookSchema, taskWebhookSchema } from './http/job-webhooks.js';
import { runWebhookSchema } from './http/run-webhooks.js';

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
