import { z } from 'zod';
import { MESSAGES_MAX } from '../http/inference.js';
import { beaconFactsSchema, usageSchema } from './facts.js';
import {
  ignored,
  notTaken,
  onlyAt,
  onlyEmpty,
  samplingShape,
  streamOptionsFault,
  tokenCount,
} from './sampling.js';

const TEXT_ONLY = 'only parts of type "text" can be served';
const NO_TOOLS = 'endpoints call no tools';

const textPart = z.object({ type: z.literal('text', { error: TEXT_ONLY }), text: z.string() });

/** One turn. Members that a client sends back of an answer it was given are taken where they are empty. */
export const openAiMessageSchema = z
  .strictObject({
    role: z.enum(['system', 'developer', 'user', 'assistant'], {
      error: 'must be system, developer, user or assistant: endpoints call no tools',
    }),
    /** Parts are joined by line ends. */
    content: z.union([z.string(), z.array(textPart).min(1)], { error: 'must be a text or parts of text' }),
    name: notTaken('endpoints cannot be told who speaks; write it into the content'),
    /** lm-eval says so of every message. */
    type: onlyAt('text', TEXT_ONLY),
    refusal: notTaken('endpoints cannot be told'),
    annotations: onlyEmpty('endpoints cannot be told'),
    audio: notTaken(TEXT_ONLY),
    tool_calls: onlyEmpty(NO_TOOLS),
    function_call: notTaken(NO_TOOLS),
  })
  .meta({ id: 'ChatTurn' });

const noTool = z.enum(['none', 'auto'], { error: `must be "none" or "auto": ${NO_TOOLS}` }).nullish();

/** Body of `POST /v1/chat/completions`. */
export const chatRequestSchema = z
  .strictObject({
    ...samplingShape,
    messages: z.array(openAiMessageSchema).min(1).max(MESSAGES_MAX),
    max_completion_tokens: tokenCount,
    /** The older name of the same. */
    max_tokens: tokenCount,
    /** Stored with the job. */
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    logprobs: onlyAt(false, 'endpoints do not tell them'),
    top_logprobs: onlyAt(0, 'endpoints do not tell them'),
    tools: onlyEmpty(NO_TOOLS),
    tool_choice: noTool,
    functions: onlyEmpty(NO_TOOLS),
    function_call: noTool,
    response_format: z
      .object({
        type: z.literal('text', { error: 'must be "text": endpoints cannot be held to a format' }),
      })
      .nullish(),
    modalities: z.tuple([z.literal('text')], { error: 'must be ["text"]' }).nullish(),
    audio: notTaken(TEXT_ONLY),
    reasoning_effort: onlyAt('none'),
    verbosity: onlyAt('medium'),
    web_search_options: notTaken('endpoints search nothing'),
    parallel_tool_calls: ignored(z.boolean()),
    prediction: ignored(z.unknown()),
    store: ignored(z.boolean()),
    service_tier: ignored(z.string().max(64)),
    safety_identifier: ignored(z.string().max(1024)),
    prompt_cache_key: ignored(z.string().max(1024)),
    prompt_cache_retention: ignored(z.string().max(64)),
  })
  .superRefine((body, context) => {
    const { max_tokens: older, max_completion_tokens: newer } = body;
    if (typeof older === 'number' && typeof newer === 'number' && older !== newer) {
      const message = 'says something else than max_completion_tokens';
      context.addIssue({ code: 'custom', path: ['max_tokens'], message });
    }
    const fault = streamOptionsFault(body);
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['stream_options'], message: fault });
  })
  .meta({ id: 'ChatRequest' });
export type ChatRequest = z.infer<typeof chatRequestSchema>;

const finishReason = z.enum(['stop', 'length']);

/** Answer of `POST /v1/chat/completions`. */
export const chatCompletionSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    /** Unix seconds. */
    created: z.int(),
    /** As it was asked for. */
    model: z.string(),
    choices: z.tuple([
      z.strictObject({
        index: z.literal(0),
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string(),
          refusal: z.null(),
        }),
        logprobs: z.null(),
        finish_reason: finishReason,
      }),
    ]),
    usage: usageSchema,
    beacon: beaconFactsSchema,
  })
  .meta({ id: 'ChatCompletion' });
export type ChatCompletion = z.infer<typeof chatCompletionSchema>;

/** One `data:` of a streamed answer. */
export const chatChunkSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: z.int(),
    model: z.string(),
    /** Empty in the chunk that holds nothing but the usage. */
    choices: z
      .array(
        z.strictObject({
          index: z.literal(0),
          delta: z.strictObject({
            role: z.literal('assistant').optional(),
            content: z.string().optional(),
          }),
          logprobs: z.null(),
          finish_reason: finishReason.nullable(),
        }),
      )
      .max(1),
    /** Where `stream_options.include_usage` asks for it: null in all chunks but the last. */
    usage: usageSchema.nullable().optional(),
    /** In the last chunk. */
    beacon: beaconFactsSchema.optional(),
  })
  .meta({ id: 'ChatChunk' });
export type ChatChunk = z.infer<typeof chatChunkSchema>;
