import { PRIORITIES, REGION_POLICIES } from '#domain';
import { z } from 'zod';
import { chatMessageSchema } from '../wire/ticket.js';

/** Limits that a deployment sets; the defaults are those of the configuration file. */
export interface RequestLimits {
  readonly promptBytes: number;
  readonly maxTokens: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
}

export const DEFAULT_REQUEST_LIMITS: RequestLimits = {
  promptBytes: 262_144,
  maxTokens: 32_768,
  maxAttempts: 100,
  timeoutMs: 86_400_000,
};

export const METADATA_BYTES = 16_384;
export const METADATA_DEPTH = 64;
export const MESSAGES_MAX = 1024;

/** Postgres stores neither U+0000 nor half a surrogate pair; refusing them beats changing them. */
export const storableText = z
  .string()
  .refine(
    (text) => !text.includes('\u0000') && text.isWellFormed(),
    'must not contain U+0000 or unpaired surrogates',
  );

export const metadataSchema = z.record(z.string().max(256), z.unknown()).superRefine((metadata, context) => {
  // First: writing JSON, and Postgres reading it, both run out of stack on what is nested too deep.
  if (isDeeperThan(metadata, METADATA_DEPTH)) {
    context.addIssue({ code: 'custom', message: `must be nested at most ${METADATA_DEPTH} deep` });
    return;
  }
  const json = JSON.stringify(metadata);
  if (Buffer.byteLength(json) > METADATA_BYTES) {
    context.addIssue({ code: 'custom', message: `must be at most ${METADATA_BYTES} bytes of JSON` });
  }
  // JSON.stringify escapes exactly what Postgres cannot store.
  if (/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i.test(json)) {
    context.addIssue({ code: 'custom', message: 'must not contain U+0000 or unpaired surrogates' });
  }
});

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((entry) => isDeeperThan(entry, depth - 1));
}

/** Exact in every language that reads JSON numbers as doubles. */
export const seedSchema = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Where it may lead is for the deployment to say: see `webhooks` in the configuration. */
export const webhookUrlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2048);

/** Body of `POST /inference/queued` and `POST /inference`. */
export function inferenceRequestSchema(limits: RequestLimits = DEFAULT_REQUEST_LIMITS) {
  const tooLong = `must be at most ${limits.promptBytes} bytes of UTF-8`;
  return z
    .strictObject({
      model: z.string().min(1).max(64),
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
      temperature: z.number().min(0).max(2).default(0.1),
      max_tokens: z.int().min(1).max(limits.maxTokens).default(512),
      seed: seedSchema.optional().describe('Of the sampling; without effect at temperature 0.'),
      region_preference: z.string().min(1).max(64).optional(),
      region_policy: z.enum(REGION_POLICIES).default('prefer'),
      priority: z.enum(PRIORITIES).default('normal'),
      timeout_ms: z.int().min(1).max(limits.timeoutMs).optional(),
      max_attempts: z.int().min(1).max(limits.maxAttempts).optional(),
      deadline: z.iso.datetime({ offset: true }).optional(),
      webhook_url: webhookUrlSchema.optional(),
      metadata: metadataSchema.optional(),
    })
    .superRefine((body, context) => {
      if ((body.prompt === undefined) === (body.messages === undefined)) {
        context.addIssue({ code: 'custom', path: ['prompt'], message: 'give either prompt or messages' });
      }
      if (body.messages?.every(({ content }) => content === '') === true) {
        const message = 'must say something: the content of every one is empty';
        context.addIssue({ code: 'custom', path: ['messages'], message });
      }
      if (body.region_policy === 'pin' && body.region_preference === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['region_preference'],
          message: 'is required when region_policy is "pin"',
        });
      }
    })
    .meta({ id: 'InferenceRequest' });
}
export type InferenceRequest = z.infer<ReturnType<typeof inferenceRequestSchema>>;

export const queuedResponseSchema = z
  .object({
    success: z.literal(true),
    job_id: z.uuid(),
    status: z.string(),
    queue_position: z.int().min(0),
    estimated_wait_seconds: z.number().min(0),
    region: z.string(),
    message: z.string(),
    warnings: z.array(z.string()).describe('What was asked for and is not done.'),
  })
  .meta({ id: 'JobQueued' });
export type QueuedResponse = z.infer<typeof queuedResponseSchema>;

export const attemptViewSchema = z
  .object({
    attempt: z.int(),
    endpoint_id: z.string(),
    region: z.string(),
    status: z.string(),
    error_code: z.string().nullable(),
    started_at: z.iso.datetime().nullable(),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Attempt' });

export const resultViewSchema = z
  .object({
    success: z.literal(true),
    response: z.string().nullable().describe('null: it has been erased; `erased_at` says when.'),
    model: z.string(),
    region: z.string(),
    substituted: z.boolean(),
    inference_time: z.number().nullable(),
    tokens_generated: z.int().nullable(),
  })
  .meta({ id: 'JobResult' });

export const jobErrorViewSchema = z
  .object({ code: z.string(), message: z.string() })
  .meta({ id: 'JobError' });

/** Answer of `GET /inference/status/{job_id}`. */
export const jobStatusSchema = z
  .object({
    job_id: z.uuid(),
    status: z.string(),
    model: z.string(),
    region: z.string(),
    region_policy: z.enum(REGION_POLICIES),
    priority: z.enum(PRIORITIES),
    queue_position: z.int().nullable(),
    estimated_wait_seconds: z.number().nullable(),
    wait_reason: z.string().nullable(),
    retry_count: z.int(),
    attempts: z.array(attemptViewSchema),
    result: resultViewSchema.nullable(),
    error: jobErrorViewSchema.nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    erased_at: z.iso
      .datetime()
      .nullable()
      .default(null)
      .describe('When its prompt and metadata, or its answer, were erased; null: they were not.'),
    redriven_from: z
      .uuid()
      .nullable()
      .default(null)
      .describe('The dead letter that it was made of again; null: none.'),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
    duration: z.number().describe('Seconds from creation to the end, or to now.'),
  })
  .meta({ id: 'JobStatus' });
export type JobStatusView = z.infer<typeof jobStatusSchema>;

export const cancelResponseSchema = z
  .object({
    job_id: z.uuid(),
    status: z.enum(['cancelling', 'cancelled']),
  })
  .meta({ id: 'JobCancel' });

/** Answer of `POST /inference`. */
export const inferenceResponseSchema = z
  .object({
    success: z.boolean(),
    response: z.string().nullable(),
    error: jobErrorViewSchema.nullable(),
    provider_used: z.string().nullable(),
    inference_time: z.number().nullable(),
    cost_estimate: z.null(),
    region: z.string().nullable(),
    job_id: z.uuid(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'InferenceAnswer' });
export type InferenceResponse = z.infer<typeof inferenceResponseSchema>;
