import { once } from 'node:events';
import { createServer } from 'node:net';
import type { OutcomeResult, Ticket } from '#contracts';
import { FAKED_TIMEOUTS, LocalEndpoint, answering, type EndpointReply } from '#testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { callEndpoint, type CallOptions } from './call-endpoint.js';
import type { Endpoint } from './endpoint.js';
import { RESPONSE_BYTES_MAX, createHttpClient, type HttpClient } from './http.js';
import { probeHealth } from './probe-health.js';

const TICKET: Ticket = {
  v: 1,
  job_id: '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10',
  attempt: 2,
  epoch: 3,
  endpoint_id: 'eu-m',
  region: 'EU',
  model: 'm',
  staged: false,
  timeout_ms: 10_000,
  request: { prompt: 'why?', temperature: 0.2, max_tokens: 64 },
};
const SUCCESS = { status: 'success', response: 'because', model: 'm', region: 'EU' };

describe('a call', () => {
  let endpoint: LocalEndpoint;
  let http: HttpClient;

  beforeEach(async () => {
    endpoint = await LocalEndpoint.start();
    http = createHttpClient();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await http.close();
    await endpoint.close();
  });

  const anEndpoint = (changes: Partial<Endpoint> = {}): Endpoint => ({
    id: 'eu-m',
    region: 'EU',
    regionNames: ['EU', 'eu-west', 'eu-north'],
    protocol: 'modal-hf',
    url: `${endpoint.origin}/generate`,
    healthUrl: `${endpoint.origin}/health`,
    ...changes,
  });
  const call = (
    changes: {
      endpoint?: Partial<Endpoint>;
      ticket?: Partial<Ticket>;
      options?: Partial<CallOptions>;
    } = {},
  ): Promise<OutcomeResult> =>
    callEndpoint(
      http.axios,
      anEndpoint(changes.endpoint),
      { ...TICKET, ...changes.ticket },
      {
        credentials: undefined,
        cancelled: new AbortController().signal,
        callAddress: undefined,
        onCallAddress: () => Promise.resolve(),
        ...changes.options,
      },
    );
  const outcomeOf = (reply: EndpointReply, changes?: Parameters<typeof call>[0]): Promise<OutcomeResult> => {
    endpoint.next(reply);
    return call(changes);
  };

  describe('by modal-hf', () => {
    it('sends model, prompt and parameters under the key of the attempt, with the credentials', async () => {
      await outcomeOf(answering(200, SUCCESS), {
        options: { credentials: { modalKey: 'wk-1', modalSecret: 'ws-2' } },
      });
      const [request] = endpoint.exchanges;
      expect(request).toMatchObject({ method: 'POST', path: '/generate' });
      expect(JSON.parse(request!.body)).toEqual({
        model: 'm',
        prompt: 'why?',
        temperature: 0.2,
        max_tokens: 64,
      });
      expect(request!.headers).toMatchObject({
        'content-type': 'application/json',
        'idempotency-key': `${TICKET.job_id}:2`,
        'modal-key': 'wk-1',
        'modal-secret': 'ws-2',
      });
    });

    it('sends the seed, where there is one', async () => {
      await outcomeOf(answering(200, SUCCESS), {
        ticket: { request: { prompt: 'why?', temperature: 1, max_tokens: 1, seed: 2_147_483_647 } },
      });
      expect(JSON.parse(endpoint.exchanges[0]!.body)).toMatchObject({ seed: 2_147_483_647 });
    });

    it('sends no other modal header, and none at all without credentials', async () => {
      await outcomeOf(answering(200, SUCCESS));
      const names = Object.keys(endpoint.exchanges[0]!.headers).filter((name) => name.startsWith('modal-'));
      expect(names).toEqual([]);
    });

    it('gives messages as one prompt too, for endpoints that take no messages', async () => {
      const messages = [
        { role: 'system' as const, content: 'Be brief.' },
        { role: 'user' as const, content: 'Who are you?' },
      ];
      await outcomeOf(answering(200, SUCCESS), {
        ticket: { request: { messages, temperature: 0, max_tokens: 1 } },
      });
      expect(JSON.parse(endpoint.exchanges[0]!.body)).toMatchObject({
        prompt: 'system: Be brief.\n\nWho are you?',
        messages,
      });
    });

    it('keeps everything that the endpoint attests', async () => {
      const outcome = await outcomeOf(
        answering(
          200,
          {
            ...SUCCESS,
            inference_time: 1.5,
            tokens_generated: 12,
            tokens_in: 3,
            cold_start: true,
            gpu: 'T4',
            model_revision: 'abc',
            container_id: 'ta-1',
            anything: 'else',
          },
          { 'modal-function-call-id': 'fc-9' },
        ),
      );
      expect(outcome).toEqual({
        kind: 'succeeded',
        response: 'because',
        model: 'm',
        region: 'EU',
        inference_time_s: 1.5,
        tokens_generated: 12,
        tokens_in: 3,
        cold_start: true,
        gpu: 'T4',
        model_revision: 'abc',
        container_id: 'ta-1',
        upstream_call_id: 'fc-9',
      });
    });

    it('takes null for what is left out, as Python spells it', async () => {
      const nothing = { inference_time: null, gpu: null, model_revision: null, tokens_generated: null };
      expect(await outcomeOf(answering(200, { ...SUCCESS, ...nothing }))).toEqual({
        kind: 'succeeded',
        response: 'because',
        model: 'm',
        region: 'EU',
      });
    });

    it.each(['EU', 'eu', 'eu-west', 'EU-NORTH'])('accepts the region under its name %s', async (region) => {
      const outcome = await outcomeOf(answering(200, { ...SUCCESS, region }));
      expect(outcome).toMatchObject({ kind: 'succeeded', region: 'EU' });
    });

    it.each([
      ['another', { ...SUCCESS, region: 'us-east' }],
      ['no', { ...SUCCESS, region: undefined }],
      ['an empty', { ...SUCCESS, region: '' }],
    ])('rejects an answer that attests %s region', async (_title, body) => {
      expect(await outcomeOf(answering(200, body))).toMatchObject({
        kind: 'failed',
        code: 'REGION_MISMATCH',
      });
    });

    it('keeps text that a database can store of an answer that holds more', async () => {
      const outcome = await outcomeOf(answering(200, { ...SUCCESS, response: 'a\u0000b\ud83dc' }));
      expect(outcome).toMatchObject({ kind: 'succeeded', response: 'a\ufffdb\ufffdc' });
    });

    it.each([
      ['says error', { status: 'error', error: 'CUDA out of memory' }, 'MODEL_ERROR'],
      ['is of another shape', { answer: 'because' }, 'RESPONSE_INVALID'],
      ['has an answer of another type', { ...SUCCESS, response: 42 }, 'RESPONSE_INVALID'],
      ['is a list', [SUCCESS], 'RESPONSE_INVALID'],
      ['is not JSON', '<html>hello</html>', 'RESPONSE_INVALID'],
      ['is empty', '', 'RESPONSE_INVALID'],
      ['stops in the middle of its JSON', '{"status":"success","resp', 'RESPONSE_INVALID'],
    ])('fails where a 200 %s', async (_title, body, code) => {
      expect(await outcomeOf(answering(200, body))).toMatchObject({ kind: 'failed', code });
    });
  });

  describe('by openai', () => {
    const completion = {
      model: 'm-2026',
      choices: [{ message: { role: 'assistant', content: 'because' } }],
      usage: { prompt_tokens: 4, completion_tokens: 9 },
    };
    const openai = { endpoint: { protocol: 'openai' as const } };

    it('sends messages and reads a chat completion', async () => {
      expect(await outcomeOf(answering(200, completion), openai)).toEqual({
        kind: 'succeeded',
        response: 'because',
        model: 'm-2026',
        region: 'EU',
        tokens_in: 4,
        tokens_generated: 9,
      });
      expect(JSON.parse(endpoint.exchanges[0]!.body)).toEqual({
        model: 'm',
        messages: [{ role: 'user', content: 'why?' }],
        temperature: 0.2,
        max_tokens: 64,
      });
    });

    it('sends the seed, where there is one', async () => {
      await outcomeOf(answering(200, completion), {
        ...openai,
        ticket: { request: { prompt: 'why?', temperature: 1, max_tokens: 1, seed: 7 } },
      });
      expect(JSON.parse(endpoint.exchanges[0]!.body)).toMatchObject({ seed: 7 });
    });

    it('continues a prompt where the URL is that of completions', async () => {
      const older = { endpoint: { ...openai.endpoint, url: `${endpoint.origin}/v1/completions` } };
      const answer = { model: 'm', choices: [{ text: 'because' }], usage: { completion_tokens: 2 } };
      expect(await outcomeOf(answering(200, answer), older)).toMatchObject({
        kind: 'succeeded',
        response: 'because',
        tokens_generated: 2,
      });
      expect(JSON.parse(endpoint.exchanges[0]!.body)).toEqual({
        model: 'm',
        prompt: 'why?',
        temperature: 0.2,
        max_tokens: 64,
      });
      expect(await outcomeOf(answering(200, completion), older)).toMatchObject({ code: 'RESPONSE_INVALID' });
    });

    it('is held to a region that the upstream attests', async () => {
      const there = answering(200, { ...completion, region: 'us-east' });
      expect(await outcomeOf(there, openai)).toMatchObject({ code: 'REGION_MISMATCH' });
      const here = answering(200, { ...completion, region: 'eu-west' });
      expect(await outcomeOf(here, openai)).toMatchObject({ kind: 'succeeded' });
    });

    it('sends an API key as a bearer token', async () => {
      const keyed = { ...openai, options: { credentials: { apiKey: 'sk-1' } } };
      await outcomeOf(answering(200, completion), keyed);
      expect(endpoint.exchanges[0]!.headers).toMatchObject({ authorization: 'Bearer sk-1' });
      expect(endpoint.exchanges[0]!.headers).not.toHaveProperty('modal-key');
    });

    it.each([
      ['no choices', { ...completion, choices: [] }],
      ['an empty message', { ...completion, choices: [{ message: { content: null } }] }],
      ['another shape', SUCCESS],
    ])('fails where the completion has %s', async (_title, body) => {
      expect(await outcomeOf(answering(200, body), openai)).toMatchObject({ code: 'RESPONSE_INVALID' });
    });
  });

  describe('that is refused', () => {
    it('is classified by status and body, with Retry-After and the id of the call', async () => {
      const outcome = await outcomeOf(
        answering(429, 'modal-http: slow down', {
          'retry-after': '3',
          'modal-function-call-id': 'fc-1',
        }),
      );
      expect(outcome).toEqual({
        kind: 'failed',
        code: 'RATE_LIMITED',
        detail: 'the endpoint answered 429',
        http_status: 429,
        retry_after_ms: 3000,
        upstream_call_id: 'fc-1',
      });
    });

    it.each([301, 302, 307, 308])('by a redirect %d is not followed', async (status) => {
      const outcome = await outcomeOf(answering(status, '', { location: '/elsewhere' }));
      expect(outcome).toMatchObject({ kind: 'failed', code: 'RESPONSE_INVALID' });
      expect(endpoint.lines).toEqual(['POST /generate']);
    });
  });

  describe('whose connection fails', () => {
    it('before it stands leaves the endpoint unreachable', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      server.close();
      await once(server, 'close');
      expect(await call({ endpoint: { url: `http://127.0.0.1:${port}/generate` } })).toMatchObject({
        code: 'ENDPOINT_UNREACHABLE',
      });
    });

    it.each<[string, EndpointReply]>([
      ['before the headers', ({ response }) => void response.destroy()],
      [
        'after the headers',
        ({ response }) => {
          response.writeHead(200, { 'content-length': '100' });
          response.write('{"status"', () => response.destroy());
        },
      ],
      [
        'in the middle of a chunked body',
        ({ response }) => {
          response.writeHead(200);
          response.write('{"status":"success"', () => response.destroy());
        },
      ],
    ])('%s is lost, and is not repeated', async (_title, reply) => {
      expect(await outcomeOf(reply)).toMatchObject({ kind: 'failed', code: 'CONNECTION_LOST' });
      expect(endpoint.lines).toEqual(['POST /generate']);
    });

    it('is not repeated on a kept-alive connection that the endpoint closes', async () => {
      expect(await outcomeOf(answering(200, SUCCESS))).toMatchObject({ kind: 'succeeded' });
      expect(await outcomeOf(({ response }) => void response.destroy())).toMatchObject({
        code: 'CONNECTION_LOST',
      });
      expect(endpoint.lines).toEqual(['POST /generate', 'POST /generate']);
    });
  });

  it('whose answer is too large ends without reading it all', async () => {
    const outcome = await outcomeOf(async ({ response, hungUp }) => {
      response.writeHead(200);
      const chunk = 'x'.repeat(65_536);
      let gone = false;
      void hungUp.then(() => (gone = true));
      while (!gone) if (!response.write(chunk)) await Promise.race([once(response, 'drain'), hungUp]);
    });
    expect(outcome).toMatchObject({ code: 'RESPONSE_TOO_LARGE' });
  });

  it('may be answered with as much as is allowed', async () => {
    const rest = JSON.stringify({ ...SUCCESS, response: '' }).length;
    const response = 'x'.repeat(RESPONSE_BYTES_MAX - rest);
    expect(await outcomeOf(answering(200, { ...SUCCESS, response }))).toMatchObject({ kind: 'succeeded' });
  });

  it('that outlives its execution timeout is ended upstream', async () => {
    // However long a busy machine takes to bring the request.
    jest.useFakeTimers(FAKED_TIMEOUTS);
    endpoint.next(() => undefined);
    let isOver = false;
    const ended = call({ ticket: { timeout_ms: 1000 } }).finally(() => (isOver = true));
    const { hungUp } = await endpoint.exchange(1);
    jest.advanceTimersByTime(999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await ended).toMatchObject({ kind: 'failed', code: 'EXECUTION_TIMEOUT' });
    await hungUp;
  });

  it('whose body trickles in is ended by the execution timeout too', async () => {
    const outcome = await outcomeOf(
      ({ response, hungUp }) => {
        response.writeHead(200);
        const drip = setInterval(() => response.write(' '), 10);
        void hungUp.then(() => clearInterval(drip));
      },
      { ticket: { timeout_ms: 100 } },
    );
    expect(outcome).toMatchObject({ code: 'EXECUTION_TIMEOUT' });
  });

  it('that is cancelled is ended upstream and says so', async () => {
    const cancel = new AbortController();
    endpoint.next(() => undefined);
    const outcome = call({ options: { cancelled: cancel.signal } });
    const { hungUp } = await endpoint.exchange(1);
    cancel.abort();
    expect(await outcome).toEqual({ kind: 'cancelled' });
    await hungUp;
  });

  it('that was cancelled before it began is never made', async () => {
    expect(await call({ options: { cancelled: AbortSignal.abort() } })).toEqual({ kind: 'cancelled' });
    expect(endpoint.lines).toEqual([]);
  });

  it('never tells prompt, answer or credentials in the detail of a failure', async () => {
    const secrets = { modalKey: 'wk-secret', modalSecret: 'ws-secret' };
    for (const reply of [
      answering(500, 'echo: why? wk-secret'),
      answering(200, { status: 'error', error: 'echo: why?' }),
      answering(200, 'why?'),
    ]) {
      const outcome = await outcomeOf(reply, { options: { credentials: secrets } });
      expect(JSON.stringify(outcome)).not.toMatch(/why\?|secret/);
    }
  });

  describe('of the health of an endpoint', () => {
    const probe = (changes: Partial<Endpoint> = {}): Promise<{ healthy: boolean; detail: string }> =>
      probeHealth(http.axios, anEndpoint(changes), { modalKey: 'wk-1', modalSecret: 'ws-2' });

    it.each<[string, EndpointReply, boolean]>([
      ['is well where it says so', answering(200, { status: 'healthy' }), true],
      ['is ill where it says otherwise', answering(200, { status: 'loading' }), false],
      ['is ill where it says nothing', answering(200, ''), false],
      ['is ill where it says null', answering(200, 'null'), false],
      ['is ill behind an error', answering(503, { status: 'healthy' }), false],
      ['is ill where it hangs up', ({ response }) => void response.destroy(), false],
    ])('%s', async (_title, reply, healthy) => {
      endpoint.next(reply);
      expect(await probe()).toMatchObject({ healthy, detail: expect.any(String) });
      expect(endpoint.exchanges[0]).toMatchObject({
        method: 'GET',
        path: '/health',
        headers: { 'modal-key': 'wk-1' },
      });
    });

    it('is asked for without the credentials on another origin than that of the calls', async () => {
      endpoint.next(answering(200, { status: 'healthy' }));
      const elsewhere = anEndpoint({ url: 'https://calls.example/generate' });
      expect(
        await probeHealth(http.axios, elsewhere, { modalKey: 'wk-1', modalSecret: 'ws-2' }),
      ).toMatchObject({
        healthy: true,
      });
      expect(endpoint.exchanges[0]!.headers).not.toHaveProperty('modal-key');
    });

    it('is left to the next call where there is no health URL', async () => {
      expect(await probe({ healthUrl: undefined })).toMatchObject({ healthy: true });
      expect(endpoint.lines).toEqual([]);
    });
  });
});
