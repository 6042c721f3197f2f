import { z } from 'zod';
import type { CallFailure, ModelRequest, OutcomeResult, Ticket } from '#contracts';
import { classifyStatus } from './classify.js';
import type { Endpoint } from './endpoint.js';
import type { HopReply } from './hops.js';

/** Names an endpoint gives itself: bounded, and such as a database can store. */
const attestedName = z.string().transform((name) => storable(name).slice(0, 256));
const count = z.int().min(0);

/** May be left out, or null, as Python spells what it does not know. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

const modalAnswerSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    response: z.string(),
    model: optional(attestedName),
    region: optional(attestedName),
    inference_time: optional(z.number().min(0).max(1e9)),
    tokens_generated: optional(count),
    tokens_in: optional(count),
    cold_start: optional(z.boolean()),
    gpu: optional(attestedName),
    model_revision: optional(attestedName),
    container_id: optional(attestedName),
  }),
  z.object({ status: z.literal('error'), error: z.unknown(), error_type: optional(z.string()) }),
]);

/** What a deployment says of a call that did not end with an answer; anything else is the model's own error. */
const ERROR_TYPES: Readonly<Record<string, { code: CallFailure['code']; detail: string }>> = {
  // By somebody else: a call that Beacon cancels is not asked about again.
  cancelled: { code: 'INPUT_LOST', detail: 'the call was cancelled at the endpoint' },
  lost: { code: 'INPUT_LOST', detail: 'the platform lost the call' },
  timed_out: { code: 'FUNCTION_TIMED_OUT', detail: 'the call ran into the time limit of its function' },
  crashed: { code: 'UPSTREAM_CRASHED', detail: 'the container of the call was killed' },
};

const openAiAnswerSchema = z.object({
  model: optional(attestedName),
  /** No part of that protocol; an upstream that says it is held to it. */
  region: optional(attestedName),
  choices: z
    .array(
      z.object({
        message: optional(z.object({ content: optional(z.string()) })),
        text: optional(z.string()),
      }),
    )
    .min(1),
  usage: optional(z.object({ prompt_tokens: optional(count), completion_tokens: optional(count) })),
});

/** Body of the call, by the endpoint's protocol. */
export function requestBody(endpoint: Endpoint, ticket: Ticket): string {
  const { request, model } = ticket;
  const common = {
    ...{ model, temperature: request.temperature, max_tokens: request.max_tokens },
    ...(request.seed === undefined ? {} : { seed: request.seed }),
  };
  switch (endpoint.protocol) {
    case 'modal-hf':
      return JSON.stringify({
        ...common,
        prompt: promptOf(request),
        ...(request.messages && { messages: request.messages }),
      });
    case 'openai':
      return JSON.stringify(
        isCompletion(endpoint)
          ? { ...common, prompt: promptOf(request) }
          : { ...common, messages: request.messages ?? [{ role: 'user', content: request.prompt ?? '' }] },
      );
  }
}

/** `…/completions`, the older form of the protocol: a prompt is continued. `…/chat/completions` takes messages. */
function isCompletion({ url }: Endpoint): boolean {
  const { pathname } = new URL(url);
  return pathname.endsWith('/completions') && !pathname.endsWith('/chat/completions');
}

/** The key under which the platform sees a job's attempt, and what goes with it. */
export function callHeaders(ticket: Ticket): Record<string, string> {
  return {
    'content-type': 'application/json',
    'idempotency-key': `${ticket.job_id}:${ticket.attempt}`,
  };
}

/** What the final reply of a call means, however it was come by. */
export function outcomeOf(endpoint: Endpoint, ticket: Ticket, reply: HopReply): OutcomeResult {
  const { status, body, callId, retryAfter, wasRead } = reply;
  if (status === 200) return readAnswer(endpoint, ticket, body, callId);
  const failure = classifyStatus(status, body.slice(0, 4096), retryAfter, Date.now());
  return {
    ...failure,
    // A result that is gone was lost after the call was made; a request that never arrived was not.
    ...(wasRead && (status === 408 || status === 410) ? { code: 'INPUT_LOST' as const } : {}),
    ...(callId === undefined ? {} : { upstream_call_id: callId }),
  };
}

/** One text for endpoints that take no messages; those that do find the messages beside it. */
function promptOf(request: ModelRequest): string {
  if (request.prompt !== undefined) return request.prompt;
  return (request.messages ?? [])
    .map(({ role, content }) => (role === 'user' ? content : `${role}: ${content}`))
    .join('\n\n');
}

/** Reads a 200. An answer from another region than the endpoint's is not accepted, whatever it says. */
export function readAnswer(
  endpoint: Endpoint,
  ticket: Ticket,
  body: string,
  upstreamCallId: string | undefined,
): OutcomeResult {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return failed('RESPONSE_INVALID', 'the endpoint answered 200 with a body that is not JSON');
  }
  const called = upstreamCallId === undefined ? {} : { upstream_call_id: upstreamCallId };
  if (endpoint.protocol === 'openai') return { ...readOpenAiAnswer(endpoint, ticket, document), ...called };

  const parsed = modalAnswerSchema.safeParse(document);
  if (!parsed.success)
    return failed('RESPONSE_INVALID', 'the endpoint answered 200 with a body of another shape');
  if (parsed.data.status === 'error') {
    const said = ERROR_TYPES[parsed.data.error_type ?? ''];
    return {
      ...failed(said?.code ?? 'MODEL_ERROR', said?.detail ?? 'the endpoint answered with status "error"'),
      ...called,
    };
  }
  const { status: _status, region: attested, response, model, inference_time, ...more } = parsed.data;
  if (attested === undefined || !isNameOf(endpoint, attested)) {
    return { ...wrongRegion(endpoint, attested), ...called };
  }
  return {
    kind: 'succeeded',
    response: storable(response),
    model: model ?? ticket.model,
    region: endpoint.region,
    ...(inference_time === undefined ? {} : { inference_time_s: inference_time }),
    ...withoutUndefined(more),
    ...called,
  };
}

function readOpenAiAnswer(endpoint: Endpoint, ticket: Ticket, document: unknown): OutcomeResult {
  const parsed = openAiAnswerSchema.safeParse(document);
  const [choice] = parsed.success ? parsed.data.choices : [];
  const content = isCompletion(endpoint) ? choice?.text : choice?.message?.content;
  if (!parsed.success || content === undefined)
    return failed('RESPONSE_INVALID', 'the endpoint answered 200 with a body that is not a completion');
  const { usage, model, region } = parsed.data;
  if (region !== undefined && !isNameOf(endpoint, region)) return wrongRegion(endpoint, region);
  return {
    kind: 'succeeded',
    response: storable(content),
    model: model ?? ticket.model,
    region: endpoint.region,
    ...withoutUndefined({ tokens_in: usage?.prompt_tokens, tokens_generated: usage?.completion_tokens }),
  };
}

export function failed(code: CallFailure['code'], detail: string): CallFailure {
  return { kind: 'failed', code, detail };
}

function wrongRegion(endpoint: Endpoint, attested: string | undefined): CallFailure {
  const named = (attested ?? 'none').slice(0, 64);
  return failed('REGION_MISMATCH', `the endpoint attests region "${named}", not ${endpoint.region}`);
}

/** Whether the endpoint may call its region by this name. */
export function isNameOf(endpoint: Endpoint, name: string): boolean {
  return endpoint.regionNames.some((known) => known.toLowerCase() === name.toLowerCase());
}

/** Postgres stores neither U+0000 nor half a surrogate pair; both become U+FFFD, as decoders do with bad bytes. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\uFFFD');
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
function withoutUndefined<T extends object>(value: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Partial<
    Defined<T>
  >;
}
