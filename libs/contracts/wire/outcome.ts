import { ATTEMPT_ERROR_CODES, type AttemptErrorCode } from '#domain';
import { z } from 'zod';
import { traceparentSchema } from './ticket.js';

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

/** A call that was begun for an attempt. The id is made before the call, and stands for it in the ledger. */
export const begunCallSchema = z.object({ id: z.uuid(), endpoint_id: z.string().max(64) });
export type BegunCall = z.infer<typeof begunCallSchema>;

/** What was asked of endpoints for the attempt, as far as its dispatchers know. */
export const attemptCallsSchema = z.object({
  /** The call that ended like this; null: none was made, the ticket was given up at the door. */
  id: z.uuid().nullable(),
  /** Begun before it by holders of the ticket who fell silent. They were made, and are paid for. */
  earlier: z.array(begunCallSchema).max(1000),
  /** From the end of the call until this was sent. */
  ended_ms_ago: z.number().min(0),
});
export type AttemptCalls = z.infer<typeof attemptCallsSchema>;

/** What a dispatcher stores of an attempt before it calls, for whoever holds its ticket next. */
export const storedAttemptSchema = z.object({
  v: z.literal(1),
  /** In the order in which they were begun; nothing has been reported of them. */
  calls: z.array(begunCallSchema).max(1000),
  /** Where the last of them can be found again. A credential: never logged. */
  address: z.string().optional(),
});
export type StoredAttempt = z.infer<typeof storedAttemptSchema>;

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
  /** Absent: of an older dispatcher, which made one call. */
  calls: attemptCallsSchema.optional(),
  /** Of the attempt that it ended. */
  traceparent: traceparentSchema,
  result: z.discriminatedUnion('kind', [answerSchema, failureSchema, cancelledSchema]),
});
export type Outcome = z.infer<typeof outcomeSchema>;
export type OutcomeResult = Outcome['result'];
export type Answer = z.infer<typeof answerSchema>;
export type CallFailure = z.infer<typeof failureSchema>;
