import type { OutcomeResult, Ticket } from '#contracts';
import { FAKED_TIMEOUTS, LocalEndpoint, answering, type EndpointReply } from '#testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { callEndpoint, type CallOptions } from './call-endpoint.js';
import { createHttpClient, type HttpClient } from './http.js';

const TICKET: Ticket = {
  v: 1,
  job_id: '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10',
  attempt: 1,
  epoch: 1,
  endpoint_id: 'us-m',
  region: 'US',
  model: 'm',
  staged: false,
  timeout_ms: 10_000,
  request: { prompt: 'why?', temperature: 0.2, max_tokens: 64 },
};
const SUCCESS = { status: 'success', response: 'because', region: 'US' };
const STILL_RUNNING = (token: string): EndpointReply =>
  answering(303, '', { location: `/generate?__modal_attempt_token=${token}` });

describe('a call that is answered 303', () => {
  let endpoint: LocalEndpoint;
  let elsewhere: LocalEndpoint;
  let http: HttpClient;
  let stored: string[];

  beforeEach(async () => {
    endpoint = await LocalEndpoint.start();
    elsewhere = await LocalEndpoint.start();
    http = createHttpClient();
    stored = [];
  });
  afterEach(async () => {
    jest.useRealTimers();
    await http.close();
    await endpoint.close();
    await elsewhere.close();
  });

  const call = (options: Partial<CallOptions> = {}, ticket: Partial<Ticket> = {}): Promise<OutcomeResult> =>
    callEndpoint(
      http.axios,
      {
        id: 'us-m',
        region: 'US',
        regionNames: ['US'],
        protocol: 'modal-hf',
        url: `${endpoint.origin}/generate`,
        healthUrl: undefined,
      },
      { ...TICKET, ...ticket },
      {
        credentials: { modalKey: 'wk-1', modalSecret: 'ws-2' },
        cancelled: new AbortController().signal,
        callAddress: undefined,
        onCallAddress: (url) => {
          stored.push(url);
          return Promise.resolve();
        },
        ...options,
      },
    );
  const resultUrl = (token: string): string => `${endpoint.origin}/generate?__modal_attempt_token=${token}`;

  it('is followed hop by hop with GET, without a body, and with the credentials', async () => {
    endpoint.next(STILL_RUNNING('a'), STILL_RUNNING('b'), answering(200, SUCCESS));
    expect(await call()).toMatchObject({ kind: 'succeeded', response: 'because' });
    expect(endpoint.lines).toEqual([
      'POST /generate',
      'GET /generate?__modal_attempt_token=a',
      'GET /generate?__modal_attempt_token=b',
    ]);
    for (const { body, headers } of endpoint.exchanges.slice(1)) {
      expect(body).toBe('');
      expect(headers).toMatchObject({ 'modal-key': 'wk-1', 'modal-secret': 'ws-2' });
      expect(headers).not.toHaveProperty('content-type');
    }
  });

  it.each([
    ['absolute', (): string => resultUrl('x')],
    ['relative to the path', (): string => '?__modal_attempt_token=x'],
    ['without a scheme', (): string => resultUrl('x').replace('http:', '')],
    ['under the older name', (): string => `${endpoint.origin}/generate?__modal_function_call_id=fc-1`],
  ])('understands a Location that is %s', async (_title, location) => {
    endpoint.next(answering(303, '', { location: location() }), answering(200, SUCCESS));
    expect(await call()).toMatchObject({ kind: 'succeeded' });
    expect(stored).toEqual([endpoint.origin + endpoint.exchanges[1]!.path]);
  });

  it('has its result URL stored before it is followed', async () => {
    endpoint.next(STILL_RUNNING('a'), answering(200, SUCCESS));
    let requestsWhenStored = 0;
    let finishStoring = (): void => undefined;
    const outcome = call({
      onCallAddress: async (url) => {
        requestsWhenStored = endpoint.exchanges.length;
        stored.push(url);
        await new Promise<void>((resolve) => (finishStoring = resolve));
      },
    });
    await endpoint.exchange(1);
    while (stored.length === 0) await new Promise((resolve) => setImmediate(resolve));
    // A whole turn of request and answer elsewhere: a GET that did not wait would have come by now.
    elsewhere.next(answering(200));
    await http.axios.get(elsewhere.origin);
    expect(endpoint.lines).toEqual(['POST /generate']);
    finishStoring();
    expect(await outcome).toMatchObject({ kind: 'succeeded' });
    expect({ requestsWhenStored, stored }).toEqual({ requestsWhenStored: 1, stored: [resultUrl('a')] });
  });

  it('never takes its credentials to another origin', async () => {
    for (const location of [
      `${elsewhere.origin}/steal`,
      'https://example.invalid/steal',
      'file:///etc/passwd',
    ]) {
      endpoint.next(answering(303, '', { location }));
      expect(await call()).toMatchObject({ kind: 'failed', code: 'RESPONSE_INVALID' });
    }
    expect(elsewhere.lines).toEqual([]);
    expect(stored).toEqual([]);
  });

  it.each([
    ['no Location', {}],
    ['a Location that is no URL', { location: 'http://[' }],
  ])('with %s is an invalid answer', async (_title, headers) => {
    endpoint.next(answering(303, '', headers));
    expect(await call()).toMatchObject({ kind: 'failed', code: 'RESPONSE_INVALID' });
    expect(endpoint.lines).toEqual(['POST /generate']);
  });

  it('is looked for again, not made again, when the connection to its result breaks', async () => {
    endpoint.next(
      STILL_RUNNING('a'),
      ({ response }) => void response.destroy(),
      ({ response }) => {
        response.writeHead(200, { 'content-length': '50' });
        response.write('{', () => response.destroy());
      },
      answering(200, SUCCESS),
    );
    expect(await call()).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines.map((line) => line.split(' ')[0])).toEqual(['POST', 'GET', 'GET', 'GET']);
  });

  it('has one execution timeout over all hops', async () => {
    // However long a busy machine takes to come to the second hop.
    jest.useFakeTimers(FAKED_TIMEOUTS);
    endpoint.next(
      (exchange) => {
        jest.advanceTimersByTime(1000);
        return STILL_RUNNING('a')(exchange);
      },
      () => void jest.advanceTimersByTime(500),
    );
    const outcome = call({}, { timeout_ms: 1500 });
    const { hungUp } = await endpoint.exchange(2);
    expect(await outcome).toMatchObject({ code: 'EXECUTION_TIMEOUT' });
    await hungUp;
  });

  it('is cancelled where it waits for its result', async () => {
    const cancel = new AbortController();
    endpoint.next(STILL_RUNNING('a'), () => undefined);
    const outcome = call({ cancelled: cancel.signal });
    const { hungUp } = await endpoint.exchange(2);
    cancel.abort();
    expect(await outcome).toEqual({ kind: 'cancelled' });
    await hungUp;
  });

  it('is cancelled where its result cannot be reached', async () => {
    const cancel = new AbortController();
    endpoint.next(STILL_RUNNING('a'), ({ response }) => {
      response.destroy();
      cancel.abort();
    });
    expect(await call({ cancelled: cancel.signal })).toEqual({ kind: 'cancelled' });
  });

  it('ends as its result says, whatever that is', async () => {
    endpoint.next(
      STILL_RUNNING('a'),
      answering(500, 'modal-http: internal error: function execution timed out'),
    );
    expect(await call()).toMatchObject({ code: 'FUNCTION_TIMED_OUT', http_status: 500 });
  });

  describe('and whose result URL an earlier holder stored', () => {
    it('is found again without a second call', async () => {
      endpoint.next(STILL_RUNNING('b'), answering(200, SUCCESS));
      expect(await call({ callAddress: resultUrl('a') })).toMatchObject({ kind: 'succeeded' });
      expect(endpoint.lines).toEqual([
        'GET /generate?__modal_attempt_token=a',
        'GET /generate?__modal_attempt_token=b',
      ]);
      expect(stored).toEqual([resultUrl('b')]);
    });

    it.each([408, 410])('is made again where the platform no longer knows it (%d)', async (status) => {
      endpoint.next(
        answering(status, 'Missing request, possibly due to expiry or cancellation'),
        answering(200, SUCCESS),
      );
      expect(await call({ callAddress: resultUrl('a') })).toMatchObject({ kind: 'succeeded' });
      expect(endpoint.lines).toEqual(['GET /generate?__modal_attempt_token=a', 'POST /generate']);
      expect(endpoint.exchanges[1]!.headers['idempotency-key']).toBe(`${TICKET.job_id}:1`);
    });

    it('is made anew where the URL is not of this endpoint', async () => {
      for (const url of [`${elsewhere.origin}/generate?x=1`, 'no url']) {
        endpoint.next(answering(200, SUCCESS));
        expect(await call({ callAddress: url })).toMatchObject({ kind: 'succeeded' });
      }
      expect(endpoint.lines).toEqual(['POST /generate', 'POST /generate']);
      expect(elsewhere.lines).toEqual([]);
    });
  });
});
