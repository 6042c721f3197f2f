import { ATTEMPT_ERROR_CODES, type AttemptErrorCode } from '#domain';
import { z } from 'zod';

const attemptErrorCode = z.enum(ATTEMPT_ERROR_CODES as [AttemptErrorCode, ...AttemptErrorCode[]]);

/** What the endpoint attests about a call. Everything but the answer is optional: not every upstream says it. */
export const answerSchema = z.object({
  kind: z.literal('succeeded'),
  response: z.string(),
  model: z.string(),
  /** Region of the configuration; the endpoint's own name for it has been resolved. */
  region: z.string(),
  inference_time_s: z.number().optional(),
  tokens_generated: z.int().optional(),
  tokens_in: z.int().optional(),
  cold_start: z.boolean().optional(),
  gpu: z.string().optional(),
  model_revision: z.string().optional(),
  container_id: z.string().optional(),
  upstream_call_id: z.string().optional(),
});

export const failureSchema = z.object({
  kind: z.literal('failed'),
  code: attemptErrorCode,
  /** For people; never holds a prompt, an answer, a token or a result URL. */
  detail: z.string().max(2000),
  http_status: z.int().optional(),
  retry_after_ms: z.int().min(0).optional(),
  upstream_call_id: z.string().optional(),
});

export const cancelledSchema = z.object({ kind: z.literal('cancelled') });

export const outcomeSchema = z.object({
  v: z.literal(1),
  job_id: z.uuid(),
  attempt: z.int().min(1),
  epoch: z.int().min(1),
  endpoint_id: z.string(),
  region: z.string(),
  /** Measured by the dispatcher's monotonic clock; wall clocks of workers are not trusted. */
  duration_ms: z.number().min(0),
  /** The call had been begun by an earlier holder of the ticket and was found again. */
  reattached: z.boolean(),
  result: z.discriminatedUnion('kind', [answerSchema, failureSchema, cancelledSchema]),
});
export type Outcome = z.infer<typeof outcomeSchema>;
export type OutcomeResult = Outcome['result'];
export type Answer = z.infer<typeof answerSchema>;
export type CallFailure = z.infer<typeof failureSchema>;
