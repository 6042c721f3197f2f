import { z } from 'zod';
import { beaconFactsSchema, usageSchema } from './facts.js';
import { notTaken, onlyAt, samplingShape, streamOptionsFault, tokenCount } from './sampling.js';

/** Prompts of one request; each is a job. */
export const PROMPTS_MAX = 128;

const NO_TOKEN_IDS =
  'must be text: token ids mean something else to each endpoint (lm-eval: tokenized_requests=False)';
const NO_LIKELIHOODS =
  'endpoints tell no probabilities of tokens, so tasks that need log-likelihoods cannot be served';

const promptSchema = z.string({ error: NO_TOKEN_IDS });

/** Body of `POST /v1/completions`. */
export const completionRequestSchema = z
  .strictObject({
    ...samplingShape,
    prompt: z.union([promptSchema, z.array(promptSchema).min(1).max(PROMPTS_MAX)], { error: NO_TOKEN_IDS }),
    max_tokens: tokenCount,
    best_of: onlyAt(1, 'Beacon asks once'),
    echo: onlyAt(false, NO_LIKELIHOODS),
    logprobs: notTaken(NO_LIKELIHOODS),
    suffix: onlyAt('', 'endpoints fill no gaps'),
  })
  .superRefine((body, context) => {
    const fault = streamOptionsFault(body);
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['stream_options'], message: fault });
  })
  .meta({ id: 'CompletionRequest' });
export type CompletionRequest = z.infer<typeof completionRequestSchema>;

const choice = {
  text: z.string(),
  /** Of the prompt that it answers. */
  index: z.int().min(0),
  logprobs: z.null(),
} as const;
const finishReason = z.enum(['stop', 'length']);

/** What became of the prompts: of one, or of each in order. */
const beaconOfPrompts = z.union([beaconFactsSchema, z.strictObject({ jobs: z.array(beaconFactsSchema) })]);

/** Answer of `POST /v1/completions`. */
export const textCompletionSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('text_completion'),
    /** Unix seconds. */
    created: z.int(),
    /** As it was asked for. */
    model: z.string(),
    choices: z.array(z.strictObject({ ...choice, finish_reason: finishReason })),
    usage: usageSchema,
    beacon: beaconOfPrompts,
  })
  .meta({ id: 'TextCompletion' });
export type TextCompletion = z.infer<typeof textCompletionSchema>;

/** One `data:` of a streamed answer. */
export const textChunkSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    /** Empty in the chunk that holds nothing but the usage. */
    choices: z.array(z.strictObject({ ...choice, finish_reason: finishReason.nullable() })),
    usage: usageSchema.nullable().optional(),
    /** In the last chunk. */
    beacon: beaconOfPrompts.optional(),
  })
  .meta({ id: 'TextChunk' });
export type TextChunk = z.infer<typeof textChunkSchema>;
