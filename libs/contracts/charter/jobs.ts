import { PRIORITIES, REGION_POLICIES } from '#domain';
import { z } from 'zod';

// What customers see of jobs. These schemas stand alone: a field that joins the internal ones is not here until somebody
// writes it down.

const time = z.iso.datetime();
const metadata = z.record(z.string(), z.unknown());

export const charterErrorSchema = z.strictObject({
  code: z.string(),
  /** The catalogue's own sentence. */
  message: z.string(),
});

export const charterAttemptSchema = z.strictObject({
  attempt: z.int(),
  region: z.string(),
  status: z.string(),
  error_code: z.string().nullable(),
  started_at: time.nullable(),
  finished_at: time.nullable(),
});

export const charterResultSchema = z.strictObject({
  success: z.literal(true),
  /** null: it has been erased; `erased_at` says when. */
  response: z.string().nullable(),
  model: z.string(),
  region: z.string(),
  substituted: z.boolean(),
  inference_time: z.number().nullable(),
  tokens_generated: z.int().nullable(),
});

export const charterQueuedSchema = z.strictObject({
  success: z.literal(true),
  job_id: z.uuid(),
  status: z.string(),
  queue_position: z.int().min(0),
  estimated_wait_seconds: z.number().min(0),
  region: z.string(),
  message: z.string(),
  warnings: z.array(z.string()),
});

export const charterJobStatusSchema = z.strictObject({
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
  /** The customer's own. */
  metadata: metadata.nullable(),
  erased_at: time.nullable(),
  redriven_from: z.uuid().nullable(),
  created_at: time,
  started_at: time.nullable(),
  completed_at: time.nullable(),
  duration: z.number(),
});

export const charterCancelSchema = z.strictObject({
  job_id: z.uuid(),
  status: z.enum(['cancelling', 'cancelled']),
});

export const charterInferenceSchema = z.strictObject({
  success: z.boolean(),
  response: z.string().nullable(),
  error: charterErrorSchema.nullable(),
  /** The region: which endpoint it was is not the customer's to know. */
  provider_used: z.string().nullable(),
  inference_time: z.number().nullable(),
  cost_estimate: z.null(),
  region: z.string().nullable(),
  job_id: z.uuid(),
  metadata: metadata.nullable(),
});
