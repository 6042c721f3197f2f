import { z } from 'zod';

export const chatMessageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string(),
});
/**
 * W3C traceparent: which trace this belongs to. Absent: none is recorded. One that is malformed is dropped, and not the
 * message that it came with.
 */
export const traceparentSchema = z
  .string()
  .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
  .optional()
  .catch(undefined);

export type ChatMessage = z.infer<typeof chatMessageSchema>;

/** What the model is asked; exactly one of `prompt` and `messages`. */
export const modelRequestSchema = z.object({
  prompt: z.string().optional(),
  messages: z.array(chatMessageSchema).optional(),
  temperature: z.number(),
  max_tokens: z.int(),
  /** Left out: the endpoint draws one. */
  seed: z.int().optional(),
});
export type ModelRequest = z.infer<typeof modelRequestSchema>;

/** The right, and the order, to make one call. Travels on DISPATCH_<REGION>. */
export const ticketSchema = z.object({
  v: z.literal(1),
  job_id: z.uuid(),
  /** Counts calls that were meant to be made; part of the endpoint's idempotency key. */
  attempt: z.int().min(1),
  /** Fence: bumped with every ticket, also when the same attempt is issued again. */
  epoch: z.int().min(1),
  endpoint_id: z.string(),
  region: z.string(),
  model: z.string(),
  /** To wait at the endpoint's door until a call of this endpoint ends, or the router says it may begin. */
  staged: z.boolean(),
  /** From the start of the call to its answer. */
  timeout_ms: z.int().min(1),
  request: modelRequestSchema,
  traceparent: traceparentSchema,
});
export type Ticket = z.infer<typeof ticketSchema>;
