import type { Priority, RegionPolicy } from '#domain';
import type { z } from 'zod';
import type { inferenceRequestSchema } from '../http/inference.js';
import type { ToldBy } from './answers.js';
import type { ChatChunk, ChatCompletion, ChatRequest } from './chat.js';
import type { CompletionRequest, TextChunk, TextCompletion } from './completions.js';
import type { BeaconFacts, OpenAiUsage } from './facts.js';
import { stopsOf } from './sampling.js';

// How a request of the door becomes jobs, and how jobs that have ended become its answer. Batches use the same.

/** OpenAI's own, where a request does not say. */
const TEMPERATURE = 1;
const TOKENS_OF_COMPLETION = 16;
/** OpenAI's is as many as the model can; here the default of a job. */
const TOKENS_OF_CHAT = 512;

/** Where and how a job is to run: of the model's name, and of headers. */
export interface JobPlace {
  /** Without a region. */
  readonly model: string;
  readonly region?: string | undefined;
  readonly regionPolicy?: RegionPolicy | undefined;
  readonly priority?: Priority | undefined;
  readonly timeoutMs?: number | undefined;
  /** RFC 3339. */
  readonly deadline?: string | undefined;
  /** Stored with the job, beside the request's own. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** A body of `POST /inference`, to be held against its schema and the limits of the deployment. */
export type JobBody = z.input<ReturnType<typeof inferenceRequestSchema>>;

export function jobOfChat(request: ChatRequest, place: JobPlace): JobBody {
  const { max_completion_tokens: newer, max_tokens: older, metadata } = request;
  return {
    ...commonOf(request, place, newer ?? older, metadata ?? {}),
    messages: request.messages.map(({ role, content }) => ({
      role: role === 'developer' ? 'system' : role,
      content: typeof content === 'string' ? content : content.map(({ text }) => text).join('\n'),
    })),
  };
}

/** @returns one job per prompt, in order */
export function jobsOfCompletion(request: CompletionRequest, place: JobPlace): JobBody[] {
  const prompts = typeof request.prompt === 'string' ? [request.prompt] : request.prompt;
  const common = commonOf(request, place, request.max_tokens ?? TOKENS_OF_COMPLETION, {});
  return prompts.map((prompt) => ({ ...common, prompt }));
}

function commonOf(
  { temperature, seed }: Pick<ChatRequest, 'temperature' | 'seed'>,
  place: JobPlace,
  maxTokens: number | null | undefined,
  own: Readonly<Record<string, string>>,
): JobBody {
  const metadata = { ...own, ...place.metadata };
  return {
    model: place.model,
    temperature: temperature ?? TEMPERATURE,
    ...(maxTokens === null || maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(seed === null || seed === undefined ? {} : { seed }),
    ...(place.region === undefined ? {} : { region_preference: place.region }),
    ...(place.regionPolicy === undefined ? {} : { region_policy: place.regionPolicy }),
    ...(place.priority === undefined ? {} : { priority: place.priority }),
    ...(place.timeoutMs === undefined ? {} : { timeout_ms: place.timeoutMs }),
    ...(place.deadline === undefined ? {} : { deadline: place.deadline }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** A job that was answered, as customers may know it too. */
export interface AnsweredJob {
  readonly id: string;
  readonly createdAt: Date;
  readonly attempt: number;
  readonly result: {
    readonly response: string;
    readonly model: string;
    readonly region: string;
    readonly substituted: boolean;
    readonly inference_time_s: number | null;
    readonly tokens_generated: number | null;
  };
}

export function chatCompletionOf(request: ToldBy, job: AnsweredJob): ChatCompletion {
  const { text, finishReason } = textOf(request, limitOfChat(request), job);
  return {
    id: `chatcmpl-${job.id}`,
    object: 'chat.completion',
    created: secondsOf(job.createdAt),
    model: request.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason: finishReason,
      },
    ],
    usage: usageOf([job]),
    beacon: factsOf(job),
  };
}

/** The same answer in the pieces of a stream: who speaks, what, and how it ended. Endpoints do not stream tokens. */
export function chatChunksOf(request: ChatRequest, job: AnsweredJob): ChatChunk[] {
  const { id, created, model, choices, usage, beacon } = chatCompletionOf(request, job);
  const [{ message, finish_reason: finishReason }] = choices;
  const asksUsage = request.stream_options?.include_usage === true;
  const head = { id, object: 'chat.completion.chunk' as const, created, model };
  const noUsage = asksUsage ? { usage: null } : {};
  const piece = (
    delta: ChatChunk['choices'][number]['delta'],
    finish: ChatChunk['choices'][number]['finish_reason'],
  ) => [{ index: 0 as const, delta, logprobs: null, finish_reason: finish }];
  return [
    { ...head, choices: piece({ role: 'assistant', content: '' }, null), ...noUsage },
    ...(message.content === ''
      ? []
      : [{ ...head, choices: piece({ content: message.content }, null), ...noUsage }]),
    { ...head, choices: piece({}, finishReason), ...noUsage, ...(asksUsage ? {} : { beacon }) },
    ...(asksUsage ? [{ ...head, choices: [], usage, beacon }] : []),
  ];
}

/** @param jobs one per prompt, in order */
export function textCompletionOf(
  request: ToldBy,
  jobs: readonly [AnsweredJob, ...AnsweredJob[]],
): TextCompletion {
  const [first] = jobs;
  const limit = request.max_tokens ?? TOKENS_OF_COMPLETION;
  return {
    id: `cmpl-${first.id}`,
    object: 'text_completion',
    created: secondsOf(first.createdAt),
    model: request.model,
    choices: jobs.map((job, index) => {
      const { text, finishReason } = textOf(request, limit, job);
      return { text, index, logprobs: null, finish_reason: finishReason };
    }),
    usage: usageOf(jobs),
    beacon: jobs.length === 1 ? factsOf(first) : { jobs: jobs.map(factsOf) },
  };
}

/** The same answer in the pieces of a stream: each text, and the usage where it is asked for. */
export function textChunksOf(
  request: CompletionRequest,
  jobs: readonly [AnsweredJob, ...AnsweredJob[]],
): TextChunk[] {
  const { usage, beacon, choices, ...head } = textCompletionOf(request, jobs);
  const asksUsage = request.stream_options?.include_usage === true;
  const last = choices.length - 1;
  return [
    ...choices.map((choice, index) => ({
      ...head,
      choices: [choice],
      ...(asksUsage ? { usage: null } : index === last ? { beacon } : {}),
    })),
    ...(asksUsage ? [{ ...head, choices: [], usage, beacon }] : []),
  ];
}

export function factsOf({ id, attempt, result }: AnsweredJob): BeaconFacts {
  const { region, substituted, model, inference_time_s: inferenceTime, tokens_generated: tokens } = result;
  return {
    job_id: id,
    ...{ region, substituted, attempt, model },
    inference_time: inferenceTime,
    tokens_generated: tokens,
  };
}

function limitOfChat({ max_completion_tokens: newer, max_tokens: older }: ToldBy): number {
  return newer ?? older ?? TOKENS_OF_CHAT;
}

/**
 * Endpoints cannot be told where to stop: what follows the first stop sequence is cut off here, and leaves the text that
 * stopping there would have left. The tokens that were generated stay as many as they were.
 */
function textOf(
  { stop }: Pick<ToldBy, 'stop'>,
  limit: number,
  { result }: AnsweredJob,
): { readonly text: string; readonly finishReason: 'stop' | 'length' } {
  const { response, tokens_generated: tokens } = result;
  const ends = stopsOf(stop)
    .map((sequence) => response.indexOf(sequence))
    .filter((index) => index >= 0);
  if (ends.length > 0) return { text: response.slice(0, Math.min(...ends)), finishReason: 'stop' };
  return { text: response, finishReason: tokens !== null && tokens >= limit ? 'length' : 'stop' };
}

function usageOf(jobs: readonly AnsweredJob[]): OpenAiUsage {
  const tokens = jobs.reduce((sum, { result }) => sum + (result.tokens_generated ?? 0), 0);
  return { prompt_tokens: 0, completion_tokens: tokens, total_tokens: tokens };
}

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
