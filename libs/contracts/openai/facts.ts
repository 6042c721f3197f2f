import { z } from 'zod';

/**
 * What Beacon says of an answer, beside what OpenAI's contract has; their clients pass over it. Customers see all of it:
 * it holds no more than a job's status does.
 */
export const beaconFactsSchema = z
  .strictObject({
    job_id: z.uuid(),
    /** The region that the endpoint attested. */
    region: z.string(),
    /** The answer is from another region than was asked for. */
    substituted: z.boolean(),
    /** Which attempt it was, from 1. */
    attempt: z.int().min(1),
    /** The model as the endpoint names it. */
    model: z.string(),
    /** Seconds that the endpoint worked; null: it did not say. */
    inference_time: z.number().nullable(),
    /** null: the endpoint did not say, and `usage` counts 0. */
    tokens_generated: z.int().nullable(),
  })
  .meta({ id: 'BeaconFacts' });
export type BeaconFacts = z.infer<typeof beaconFactsSchema>;

/** `prompt_tokens` is 0 always: input tokens are not told, see docs/charter.md. */
export const usageSchema = z
  .strictObject({
    prompt_tokens: z.int().min(0),
    completion_tokens: z.int().min(0),
    total_tokens: z.int().min(0),
  })
  .meta({ id: 'OpenAiUsage' });
export type OpenAiUsage = z.infer<typeof usageSchema>;
