import { z } from 'zod';
import type { ModelRequest, OutcomeResult, Ticket } from '#contracts';
import type { Endpoint } from './endpoint.js';

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
  z.object({ status: z.literal('error'), error: z.unknown() }),
]);

const openAiAnswerSchema = z.object({
  model: optional(attestedName),
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })).min(1),
  usage: optional(z.object({ prompt_tokens: optional(count), completion_tokens: optional(count) })),
});

/** Body of the call, by the endpoint's protocol. */
export function requestBody(endpoint: Endpoint, ticket: Ticket): string {
  const { request, model } = ticket;
  const common = { model, temperature: request.temperature, max_tokens: request.max_tokens };
  switch (endpoint.protocol) {
    case 'modal-hf':
      return JSON.stringify({
        ...common,
        prompt: promptOf(request),
        ...(request.messages && { messages: request.messages }),
      });
    case 'openai':
      return JSON.stringify({
        ...common,
        messages: request.messages ?? [{ role: 'user', content: request.prompt ?? '' }],
      });
  }
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
    return { ...failed('MODEL_ERROR', 'the endpoint answered with status "error"'), ...called };
  }
  const { status: _status, region: attested, response, model, inference_time, ...optional } = parsed.data;
  if (attested === undefined || !isNameOf(endpoint, attested)) {
    return {
      ...failed(
        'REGION_MISMATCH',
        `the endpoint attests region "${(attested ?? 'none').slice(0, 64)}", not ${endpoint.region}`,
      ),
      ...called,
    };
  }
  return {
    kind: 'succeeded',
    response: storable(response),
    model: model ?? ticket.model,
    region: endpoint.region,
    ...(inference_time === undefined ? {} : { inference_time_s: inference_time }),
    ...withoutUndefined(optional),
    ...called,
  };
}

function readOpenAiAnswer(endpoint: Endpoint, ticket: Ticket, document: unknown): OutcomeResult {
  const parsed = openAiAnswerSchema.safeParse(document);
  const content = parsed.success ? parsed.data.choices[0]?.message.content : undefined;
  if (!parsed.success || content === undefined || content === null) {
    return failed('RESPONSE_INVALID', 'the endpoint answered 200 with a body that is not a chat completion');
  }
  const { usage, model } = parsed.data;
  return {
    kind: 'succeeded',
    response: storable(content),
    model: model ?? ticket.model,
    region: endpoint.region,
    ...withoutUndefined({ tokens_in: usage?.prompt_tokens, tokens_generated: usage?.completion_tokens }),
  };
}

export function failed(
  code: Extract<OutcomeResult, { kind: 'failed' }>['code'],
  detail: string,
): Extract<OutcomeResult, { kind: 'failed' }> {
  return { kind: 'failed', code, detail };
}

function isNameOf(endpoint: Endpoint, name: string): boolean {
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
