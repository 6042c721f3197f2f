import type { JobWebhookEvent, TaskWebhookEvent, TerminalState } from '#domain';
import { z } from 'zod';

/** Of an end: `job.completed` says `completed`. */
function endOf<Type extends JobWebhookEvent | TaskWebhookEvent>(type: Type) {
  return { type: z.literal(type), timestamp: z.iso.datetime() };
}

const jobPart = <Status extends TerminalState>(status: Status) => ({
  job_id: z.uuid(),
  sequence: z
    .int()
    .min(1)
    .describe(
      "Counts the job's events from 1. A job ends once; what is redriven from a dead letter is another job.",
    ),
  status: z.literal(status),
  region: z
    .string()
    .describe(
      'Where the answer came from, else where the latest attempt ran, else whose queue the job was in.',
    ),
  retry_count: z.int().min(0),
  execution_time_s: z
    .number()
    .min(0)
    .nullable()
    .describe('Of the latest attempt; null: no call was made, or none that ended.'),
  metadata: z.record(z.string(), z.unknown()).nullable().describe("The caller's own."),
  path: z.string().describe("Where to look, below Beacon's own URL."),
});
const without = { substituted: z.null(), error_code: z.null() };
const failed = { substituted: z.null(), error_code: z.string() };

/** Body that is POSTed to a job's `webhook_url`: this and nothing else; no prompt, answer, endpoint or cost. */
export const jobWebhookSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      ...endOf('job.completed'),
      data: z.strictObject({
        ...jobPart('completed'),
        substituted: z.boolean().describe('Whether another region than the one asked for answered.'),
        error_code: z.null(),
      }),
    }),
    z.strictObject({ ...endOf('job.failed'), data: z.strictObject({ ...jobPart('failed'), ...failed }) }),
    z.strictObject({
      ...endOf('job.cancelled'),
      data: z.strictObject({ ...jobPart('cancelled'), ...without }),
    }),
    z.strictObject({ ...endOf('job.expired'), data: z.strictObject({ ...jobPart('expired'), ...failed }) }),
  ])
  .meta({ id: 'JobWebhook' });
export type JobWebhook = z.infer<typeof jobWebhookSchema>;

const taskPart = <Status extends TerminalState>(status: Status) =>
  z.strictObject({
    task_id: z.string().describe("The client's name for it; the id of its job where it has none."),
    sequence: z.int().min(1),
    task_type: z.string(),
    status: z.literal(status),
    execution_time_s: z.number().min(0).nullable(),
    path: z.string(),
  });

/** Body that is POSTed for a task: never which model, endpoint or provider it was, or what it cost. */
export const taskWebhookSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ ...endOf('task.completed'), data: taskPart('completed') }),
    z.strictObject({ ...endOf('task.failed'), data: taskPart('failed') }),
    z.strictObject({ ...endOf('task.cancelled'), data: taskPart('cancelled') }),
    z.strictObject({ ...endOf('task.expired'), data: taskPart('expired') }),
  ])
  .meta({ id: 'TaskWebhook' });
export type TaskWebhook = z.infer<typeof taskWebhookSchema>;
