import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inferenceRequestSchema } from '../http/inference.js';
import { parseRequest } from '../problems.js';
import { chatChunkSchema, chatCompletionSchema, chatRequestSchema } from './chat.js';
import { completionRequestSchema, textChunkSchema, textCompletionSchema } from './completions.js';
import {
  chatChunksOf,
  chatCompletionOf,
  jobOfChat,
  jobsOfCompletion,
  textChunksOf,
  textCompletionOf,
  type AnsweredJob,
} from './jobs.js';

const MESSAGES = [{ role: 'user', content: 'hi' }] as const;
const chat = (more: object = {}) =>
  parseRequest(chatRequestSchema, { model: 'm', messages: MESSAGES, ...more });
const completion = (more: object = {}) =>
  parseRequest(completionRequestSchema, { model: 'm', prompt: 'hi', ...more });

const answered = (response: string, result: Partial<AnsweredJob['result']> = {}): AnsweredJob => ({
  id: '00000000-0000-4000-8000-000000000001',
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
  attempt: 2,
  result: {
    response,
    model: 'org/m-instruct',
    region: 'EU',
    substituted: true,
    inference_time_s: 1.5,
    tokens_generated: 4,
    ...result,
  },
});

describe('a request of the door', () => {
  it.each([
    ['nothing', {}, { temperature: 1, max_tokens: 512 }],
    [
      'null',
      { temperature: null, max_tokens: null, seed: null, stop: null },
      { temperature: 1, max_tokens: 512 },
    ],
    ['the older limit', { max_tokens: 7 }, { max_tokens: 7 }],
    ['the newer limit', { max_completion_tokens: 8 }, { max_tokens: 8 }],
    ['both, alike', { max_completion_tokens: 8, max_tokens: 8 }, { max_tokens: 8 }],
    ['temperature and seed', { temperature: 0, seed: 3 }, { temperature: 0, seed: 3 }],
    ['metadata', { metadata: { a: 'b' } }, { metadata: { a: 'b' } }],
  ])('that says %s becomes a job', (_what, more, job) => {
    const body = jobOfChat(chat(more), { model: 'm' });
    expect(parseRequest(inferenceRequestSchema(), body)).toEqual({
      ...{ model: 'm', temperature: 1, max_tokens: 512, messages: MESSAGES },
      ...{ region_policy: 'prefer', priority: 'normal' },
      ...job,
    });
  });

  it('takes a place along', () => {
    expect(
      jobOfChat(chat(), {
        ...{ model: 'm', region: 'EU', regionPolicy: 'pin', priority: 'low', timeoutMs: 5 },
        ...{ deadline: '2030-01-01T00:00:00Z', metadata: { run_id: 'r' } },
      }),
    ).toMatchObject({
      ...{ region_preference: 'EU', region_policy: 'pin', priority: 'low', timeout_ms: 5 },
      ...{ deadline: '2030-01-01T00:00:00Z', metadata: { run_id: 'r' } },
    });
  });

  it('makes one job per prompt, each as long as OpenAI has it', () => {
    const jobs = jobsOfCompletion(completion({ prompt: ['a', 'b'] }), { model: 'm' });
    expect(jobs).toEqual([
      { model: 'm', temperature: 1, max_tokens: 16, prompt: 'a' },
      { model: 'm', temperature: 1, max_tokens: 16, prompt: 'b' },
    ]);
  });

  it('becomes what POST /inference takes, whatever is said in it', () => {
    const text = fc.string({ minLength: 1, unit: 'binary' }).filter((value) => !value.includes('\u0000'));
    const content = fc.oneof(
      text,
      fc.array(fc.record({ type: fc.constant('text'), text }), { minLength: 1, maxLength: 3 }),
    );
    const role = fc.constantFrom('system', 'developer', 'user', 'assistant');
    fc.assert(
      fc.property(fc.array(fc.record({ role, content }), { minLength: 1, maxLength: 5 }), (messages) => {
        const job = jobOfChat(chat({ messages }), { model: 'm' });
        expect(inferenceRequestSchema().safeParse(job).error?.issues).toBeUndefined();
      }),
    );
  });

  it.each([
    ['n', { n: 2 }],
    ['top_p', { top_p: 0.9 }],
    ['frequency_penalty', { frequency_penalty: 0.1 }],
    ['presence_penalty', { presence_penalty: 1 }],
    ['logit_bias', { logit_bias: { '1': 5 } }],
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 3 }],
    ['tools', { tools: [{ type: 'function' }] }],
    ['tool_choice', { tool_choice: 'required' }],
    ['functions', { functions: [{}] }],
    ['response_format.type', { response_format: { type: 'json_schema', json_schema: {} } }],
    ['modalities[0]', { modalities: ['audio'] }],
    ['audio', { audio: {} }],
    ['reasoning_effort', { reasoning_effort: 'high' }],
    ['web_search_options', { web_search_options: {} }],
    ['top_k', { top_k: 5 }],
    ['max_tokens', { max_tokens: 5, max_completion_tokens: 6 }],
    ['stream_options', { stream_options: { include_usage: true } }],
    ['stop', { stop: Array.from({ length: 17 }, String) }],
    ['seed', { seed: -1 }],
    ['messages[0].role', { messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0].name', { messages: [{ role: 'user', content: 'x', name: 'Bob' }] }],
    ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['messages[0].tool_calls', { messages: [{ role: 'assistant', content: 'x', tool_calls: [{}] }] }],
  ])('that would not be answered as asked is refused: %s', (field, more) => {
    expect(() => chat(more)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_FAILED',
        errors: expect.arrayContaining([expect.objectContaining({ field })]),
      }),
    );
  });

  it.each([
    ['prompt[0]', { prompt: [1, 2, 3] }],
    ['prompt[0]', { prompt: [[1, 2], [3]] }],
    ['echo', { echo: true }],
    ['logprobs', { logprobs: 0 }],
    ['best_of', { best_of: 3 }],
    ['suffix', { suffix: 'x' }],
    ['prompt', { prompt: [] }],
  ])('for a completion that would not be answered as asked is refused: %s', (field, more) => {
    expect(() => completion(more)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_FAILED',
        errors: expect.arrayContaining([expect.objectContaining({ field })]),
      }),
    );
  });

  it('may hold what changes nothing', () => {
    const neutral = {
      ...{ n: 1, top_p: 1, frequency_penalty: 0, presence_penalty: 0, logit_bias: {}, logprobs: false },
      ...{ tools: [], tool_choice: 'auto', response_format: { type: 'text' }, modalities: ['text'] },
      ...{ user: 'u', store: true, service_tier: 'auto', parallel_tool_calls: true, top_logprobs: null },
    };
    expect(jobOfChat(chat(neutral), { model: 'm' })).toEqual(jobOfChat(chat(), { model: 'm' }));
  });

  it('may hold a message as it was answered before', () => {
    const { choices } = chatCompletionOf(chat(), answered('before'));
    const [{ message }] = choices;
    expect(jobOfChat(chat({ messages: [...MESSAGES, message] }), { model: 'm' })['messages']).toEqual([
      ...MESSAGES,
      { role: 'assistant', content: 'before' },
    ]);
  });
});

describe('an answer', () => {
  it('is told in the shape of a chat, with what Beacon knows of it', () => {
    const told = chatCompletionOf(chat({ model: 'm@eu' }), answered('hello'));
    expect(chatCompletionSchema.parse(told)).toEqual({
      id: 'chatcmpl-00000000-0000-4000-8000-000000000001',
      object: 'chat.completion',
      created: 1_767_323_045,
      model: 'm@eu',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 0, completion_tokens: 4, total_tokens: 4 },
      beacon: {
        job_id: '00000000-0000-4000-8000-000000000001',
        region: 'EU',
        substituted: true,
        attempt: 2,
        model: 'org/m-instruct',
        inference_time: 1.5,
        tokens_generated: 4,
      },
    });
  });

  it.each([
    ['nothing was asked for', undefined, 'one two', 'one two', 'stop'],
    ['one is in it', ' two', 'one two three', 'one', 'stop'],
    ['several are in it', ['three', ' two'], 'one two three', 'one', 'stop'],
    ['none is in it', ['four'], 'one two three', 'one two three', 'length'],
    ['it begins with one', 'one', 'one two', '', 'stop'],
  ])('ends before the first stop sequence, where %s', (_what, stop, response, text, reason) => {
    const limit = reason === 'length' ? 4 : 5;
    const [{ message, finish_reason: finish }] = chatCompletionOf(
      chat({ max_tokens: limit, ...(stop === undefined ? {} : { stop }) }),
      answered(response),
    ).choices;
    expect([message.content, finish]).toEqual([text, reason]);
  });

  it('of which the endpoint tells no tokens counts none', () => {
    const told = chatCompletionOf(chat({ max_tokens: 1 }), answered('x', { tokens_generated: null }));
    expect(told.usage).toEqual({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 });
    expect(told.beacon.tokens_generated).toBeNull();
    expect(told.choices[0].finish_reason).toBe('stop');
  });

  it('in pieces is the same answer', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (response, asksUsage) => {
        const request = chat({ stream: true, stream_options: { include_usage: asksUsage } });
        const whole = chatCompletionOf(request, answered(response));
        const pieces = chatChunksOf(request, answered(response)).map((piece) => chatChunkSchema.parse(piece));
        expect(pieces.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(response);
        expect(pieces.filter(({ beacon }) => beacon !== undefined)).toHaveLength(1);
        expect(pieces.at(-1)?.beacon).toEqual(whole.beacon);
        expect(pieces.at(-1)?.usage).toEqual(asksUsage ? whole.usage : undefined);
        expect(pieces.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(['stop']);
      }),
    );
  });

  it('to several prompts has a choice and the facts of each, whole and in pieces', () => {
    const request = completion({ prompt: ['a', 'b'], stream: true });
    const jobs = [answered('A'), answered('B', { region: 'US' })] as const;
    const whole = textCompletionSchema.parse(textCompletionOf(request, jobs));
    expect(whole.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, 'A'],
      [1, 'B'],
    ]);
    expect(whole.usage.completion_tokens).toBe(8);
    expect(whole.beacon).toMatchObject({ jobs: [{ region: 'EU' }, { region: 'US' }] });
    const pieces = textChunksOf(request, jobs).map((piece) => textChunkSchema.parse(piece));
    expect(pieces.flatMap(({ choices }) => choices)).toEqual(whole.choices);
    expect(pieces.at(-1)?.beacon).toEqual(whole.beacon);
  });
});
