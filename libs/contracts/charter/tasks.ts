import { PRIORITIES } from '#domain';
import { z } from 'zod';
import {
  DEFAULT_REQUEST_LIMITS,
  MESSAGES_MAX,
  metadataSchema,
  storableText,
  webhookUrlSchema,
  type RequestLimits,
} from '../http/inference.js';
import { chatMessageSchema } from '../wire/ticket.js';
import { charterErrorSchema } from './jobs.js';

export const TASK_STATUSES = [
  'queued',
  'processing',
  'retrying',
  'completed',
  'failed',
  'cancelling',
  'cancelled',
  'expired',
] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Names that clients give: of tasks, and of who answers for them. */
const name = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, 'letters, digits, ".", "_", ":" and "-" only');

/** What tasks without a name of the client's are called. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NOT_A_UUID = 'must not have the form of a UUID: those are the names of tasks that were given none';

/** Body of `POST /api/modal/execute-task`. */
export function taskRequestSchema(limits: RequestLimits = DEFAULT_REQUEST_LIMITS) {
  const tooLong = `must be at most ${limits.promptBytes} bytes of UTF-8`;
  return z
    .strictObject({
      task_type: z.string().min(1).max(64),
      prompt: storableText
        .min(1)
        .refine((prompt) => Buffer.byteLength(prompt) <= limits.promptBytes, tooLong)
        .optional(),
      messages: z
        .array(chatMessageSchema.extend({ content: storableText }))
        .min(1)
        .max(MESSAGES_MAX)
        .refine(
          (messages) =>
            messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0) <= limits.promptBytes,
          tooLong,
        )
        .optional(),
      input: metadataSchema.optional().describe('Handed to the model as JSON.'),
      task_id: name
        .refine((text) => !UUID.test(text), NOT_A_UUID)
        .optional()
        .describe("The client's name for the task: the same again, with the same body, is the same task."),
      owner_id: name.optional().describe('Who answers for it; left out: the owner of the type.'),
      region_preference: z.string().min(1).max(64).optional(),
      priority: z.enum(PRIORITIES).default('normal'),
      deadline: z.iso.datetime({ offset: true }).optional(),
      webhook_url: webhookUrlSchema.optional(),
      metadata: metadataSchema.optional(),
    })
    .superRefine(({ prompt, messages, input }, context) => {
      if ([prompt, messages, input].filter((given) => given !== undefined).length !== 1)
        context.addIssue({
          code: 'custom',
          path: ['prompt'],
          message: 'give one of prompt, messages and input',
        });
    })
    .meta({ id: 'TaskRequest' });
}
export type TaskRequest = z.infer<ReturnType<typeof taskRequestSchema>>;

const task = {
  task_id: z.string(),
  task_type: z.string(),
  owner_id: z.string(),
  status: z.enum(TASK_STATUSES),
  created_at: z.iso.datetime(),
};

/** Answer of `POST /api/modal/execute-task`. */
export const taskAcceptedSchema = z
  .strictObject({
    success: z.literal(true),
    ...task,
    queue_position: z.int().min(0),
    estimated_wait_seconds: z.number().min(0),
    message: z.string(),
  })
  .meta({ id: 'TaskAccepted' });

const taskView = {
  ...task,
  event: z.string().describe('The latest thing that happened to it: `task.` and its status.'),
  execution_time: z
    .number()
    .nullable()
    .describe('Seconds that the execution took whose answer was taken, or the latest one; null: none yet.'),
  worker_id: z
    .string()
    .nullable()
    .describe('Who worked on it, under a name that says nothing else; null: nobody yet.'),
  result_summary: z.string().nullable().describe('The beginning of the result.'),
  error: charterErrorSchema.nullable(),
  started_at: z.iso.datetime().nullable(),
  completed_at: z.iso.datetime().nullable(),
  erased_at: z.iso
    .datetime()
    .nullable()
    .describe('When what it was asked, or its result, was erased; null: it was not.'),
  redriven_from: z.string().nullable().describe('The failed task that it was made of.'),
  redriven_as: z.string().nullable().describe('The task that was made of it after it had failed.'),
};

/** Answer of `GET /tasks/{task_id}`. */
export const taskSchema = z
  .strictObject({
    ...taskView,
    result: z.string().nullable(),
    priority: z.enum(PRIORITIES),
    retry_count: z.int(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'Task' });

/** Answer of `GET /tasks`: results are read one by one. */
export const taskListSchema = z
  .strictObject({
    tasks: z.array(z.strictObject(taskView)),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'TaskList' });

export const taskListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
  task_type: z.string().max(64).optional(),
  owner_id: z.string().max(128).optional(),
  status: z.enum(TASK_STATUSES).optional(),
});

export const taskCancelSchema = z
  .strictObject({
    task_id: z.string(),
    status: z.enum(['cancelling', 'cancelled']),
  })
  .meta({ id: 'TaskCancel' });
