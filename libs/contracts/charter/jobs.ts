import { PRIORITIES, REGION_POLICIES } from '#domain';
import { z } from 'zod';

// What customers see of jobs. These schemas stand alone: a field that joins the internal ones is not here until somebody
// writes it down.

const time = z.iso.datetime();
const metadata = z.record(z.string(), z.unknown());

export const charterErrorSchema = z
  .strictObject({
    code: z.string(),
    message: z.string().describe("The catalogue's own sentence."),
  })
  .meta({ id: 'JobErrorCharter' });

export const charterAttemptSchema = z
  .strictObject({
    attempt: z.int(),
    region: z.string(),
    status: z.string(),
    error_code: z.string().nullable(),
    started_at: time.nullable(),
    finished_at: time.nullable(),
  })
  .meta({ id: 'AttemptCharter' });

export const charterResultSchema = z
  .strictObject({
    success: z.literal(true),
    response: z.string().nullable().describe('null: it has been erased; `erased_at` says when.'),
    model: z.string(),
    region: z.string(),
    substituted: z.boolean(),
    inference_time: z.number().nullable(),
    tokens_generated: z.int().nullable(),
  })
  .meta({ id: 'JobResultCharter' });

export const charterQueuedSchema = z
  .strictObject({
    success: z.literal(true),
    job_id: z.uuid(),
    status: z.string(),
    queue_position: z.int().min(0),
    estimated_wait_seconds: z.number().min(0),
    region: z.string(),
    message: z.string(),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'JobQueuedCharter' });

export const charterJobStatusSchema = z
  .strictObject({
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
    attempts: z.array(charterAttemptSchema),
    result: charterResultSchema.nullable(),
    error: charterErrorSchema.nullable(),
    metadata: metadata.nullable().describe("The customer's own."),
    erased_at: time.nullable(),
    redriven_from: z.uuid().nullable(),
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable(),
    duration: z.number(),
  })
  .meta({ id: 'JobStatusCharter' });

export const charterCancelSchema = z
  .strictObject({
    job_id: z.uuid(),
    status: z.enum(['cancelling', 'cancelled']),
  })
  .meta({ id: 'JobCancelCharter' });

export const charterInferenceSchema = z
  .strictObject({
    success: z.boolean(),
    response: z.string().nullable(),
    error: charterErrorSchema.nullable(),
    provider_used: z
      .string()
      .nullable()
      .describe("The region: which endpoint it was is not the customer's to know."),
    inference_time: z.number().nullable(),
    cost_estimate: z.null(),
    region: z.string().nullable(),
    job_id: z.uuid(),
    metadata: metadata.nullable(),
  })
  .meta({ id: 'InferenceAnswerCharter' });
