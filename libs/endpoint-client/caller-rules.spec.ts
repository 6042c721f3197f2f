import { createHash } from 'node:crypto';
import type { OutcomeResult, Ticket } from '#contracts';
import { FAKED_TIMEOUTS, LocalEndpoint, answering, type EndpointReply } from '#testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { callEndpoint, type CallOptions } from './call-endpoint.js';
import { classifyStatus } from './classify.js';
import type { Endpoint } from './endpoint.js';
import { HopTimeoutError, Hops, type HopsOptions } from './hops.js';
import { createHttpClient, type HttpClient } from './http.js';
import { probeHealth } from './probe-health.js';

const TICKET: Ticket = {
  v: 1,
  job_id: '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10',
  attempt: 3,
  epoch: 5,
  endpoint_id: 'us-m',
  region: 'US',
  model: 'm',
  staged: false,
  timeout_ms: 10_000,
  request: { prompt: 'why?', temperature: 0.2, max_tokens: 64 },
};
const SUCCESS = { status: 'success', response: 'because', region: 'US' };

describe('whoever calls Modal', () => {
  let modal: LocalEndpoint;
  let elsewhere: LocalEndpoint;
  let http: HttpClient;

  beforeEach(async () => {
    modal = await LocalEndpoint.start();
    elsewhere = await LocalEndpoint.start();
    http = createHttpClient();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await http.close();
    await modal.close();
    await elsewhere.close();
  });

  const anEndpoint = (changes: Partial<Endpoint> = {}): Endpoint => ({
    id: 'us-m',
    region: 'US',
    regionNames: ['US', 'us-east'],
    protocol: 'modal-hf',
    url: `${modal.origin}/m`,
    healthUrl: `${modal.origin}/health`,
    ...changes,
  });
  const call = (options: Partial<CallOptions> = {}, ticket: Partial<Ticket> = {}): Promise<OutcomeResult> =>
    callEndpoint(
      http.axios,
      anEndpoint(),
      { ...TICKET, ...ticket },
      {
        credentials: { modalKey: 'wk-1', modalSecret: 'ws-2' },
        cancelled: new AbortController().signal,
        callAddress: undefined,
        onCallAddress: () => Promise.resolve(),
        ...options,
      },
    );
  const moved = (location: string): EndpointReply => answering(303, '', { location });
  const quiet = (): HopsOptions => ({
    client: http.axios,
    endpoint: anEndpoint(),
    credentials: undefined,
    limiter: undefined,
    signal: new AbortController().signal,
    onResultUrl: () => Promise.resolve(),
  });
  const hops = (changes: Partial<HopsOptions> = {}): Hops => new Hops({ ...quiet(), ...changes });

  it('caller rule 1: follows a 303 by hand: GET, no body, the credentials again, and only to the same origin', async () => {
    modal.next(moved('?t=1'), moved(`${modal.origin}/m?t=2`), answering(200, SUCCESS));
    expect(await call()).toMatchObject({ kind: 'succeeded' });
    expect(modal.lines).toEqual(['POST /m', 'GET /m?t=1', 'GET /m?t=2']);
    for (const { body, headers } of modal.exchanges.slice(1)) {
      expect(body).toBe('');
      expect(headers).toMatchObject({ 'modal-key': 'wk-1', 'modal-secret': 'ws-2' });
      expect(headers).not.toHaveProperty('content-type');
    }
    modal.next(moved(`${elsewhere.origin}/m?t=3`));
    expect(await call()).toMatchObject({ code: 'RESPONSE_INVALID' });
    expect(elsewhere.lines).toEqual([]);
  });

  it('caller rule 1: has a total deadline over all hops', async () => {
    // However long a busy machine takes to come to the second hop.
    jest.useFakeTimers(FAKED_TIMEOUTS);
    modal.next(
      (exchange) => {
        jest.advanceTimersByTime(1000);
        return moved('?t=1')(exchange);
      },
      () => void jest.advanceTimersByTime(500),
    );
    const outcome = call({}, { timeout_ms: 1500 });
    const { hungUp } = await modal.exchange(2);
    expect(await outcome).toMatchObject({ code: 'EXECUTION_TIMEOUT' });
    await hungUp;
  });

  it('caller rule 1: does not chase 303s that come at once, and ends with the deadline', async () => {
    modal.next(...Array.from({ length: 1000 }, (_, hop) => moved(`?t=${hop}`)));
    expect(await call({}, { timeout_ms: 1000 })).toMatchObject({ code: 'EXECUTION_TIMEOUT' });
    expect(modal.lines.length).toBeLessThan(100);
  });

  it.each([
    ['301', answering(301, JSON.stringify(SUCCESS), { location: '/m?t=1' })],
    ['302', answering(302, JSON.stringify(SUCCESS), { location: '/m?t=1' })],
    ['307', answering(307, JSON.stringify(SUCCESS), { location: '/m?t=1' })],
    ['303 without a Location', answering(303, JSON.stringify(SUCCESS))],
    ['an empty 200', answering(200, '')],
  ])('caller rule 2: takes %s for no answer and no way to one', async (_title, reply) => {
    modal.next(reply);
    expect(await call()).toMatchObject({ kind: 'failed', code: 'RESPONSE_INVALID' });
    expect(modal.lines).toEqual(['POST /m']);
  });

  it.each(['__modal_attempt_token', '__modal_function_call_id', 'whatever_comes_next'])(
    'caller rule 3: follows a result URL whatever its parameter is called: %s',
    async (parameter) => {
      modal.next(moved(`/m?${parameter}=a.b%2Fc&x=1`), answering(200, SUCCESS));
      expect(await call()).toMatchObject({ kind: 'succeeded' });
      expect(modal.lines[1]).toBe(`GET /m?${parameter}=a.b%2Fc&x=1`);
    },
  );

  it('caller rule 3: tells neither token nor result URL in what it reports', async () => {
    const token = createHash('sha256').update('token').digest('hex');
    modal.next(moved(`?t=${token}`), answering(500, `modal-http: ${token}`));
    expect(JSON.stringify(await call())).not.toContain(token);
    modal.next(moved(`http://[${token}`));
    expect(JSON.stringify(await call())).not.toContain(token);
  });

  it("caller rule 4: ends a request that is silent beyond the platform's own 150 s, whatever the deadline is", async () => {
    modal.next(() => undefined);
    const late = hops({ hopTimeoutMs: 50 }).post(`${modal.origin}/m`, '{}', {});
    await expect(late).rejects.toBeInstanceOf(HopTimeoutError);
  });

  it('caller rule 4: asks again where a silent request was only reading a result', async () => {
    let reads = 0;
    modal.always((exchange) => {
      if (exchange.method === 'POST') return moved('?t=1')(exchange);
      reads += 1;
      return reads === 1 ? undefined : answering(200, SUCCESS)(exchange);
    });
    const options = {
      ...quiet(),
      hopTimeoutMs: 60_000,
      // The request that makes the call has all the time that a busy machine takes.
      onHop: (): void => void (options.hopTimeoutMs = 500),
    };
    const reply = await new Hops(options).post(`${modal.origin}/m`, '{}', {});
    expect(reply).toMatchObject({ status: 200, wasRead: true });
    const [first, ...others] = modal.lines;
    expect(first).toBe('POST /m');
    // Once more, and again where a busy machine is late for an answer.
    expect(others.length).toBeGreaterThanOrEqual(2);
    expect(new Set(others)).toEqual(new Set(['GET /m?t=1']));
  });

  it('caller rule 5: closes a connection only to cancel, and never to try elsewhere', async () => {
    const cancel = new AbortController();
    modal.next(moved('?t=1'), () => undefined);
    const outcome = call({ cancelled: cancel.signal });
    const { hungUp } = await modal.exchange(2);
    expect(modal.exchanges.filter(({ method }) => method === 'POST')).toHaveLength(1);
    cancel.abort();
    expect(await outcome).toEqual({ kind: 'cancelled' });
    await hungUp;
  });

  it('caller rule 7: sends the key of the attempt, the same when the attempt is made again', async () => {
    modal.next(answering(408, 'gone'), answering(200, SUCCESS));
    await call({ callAddress: `${modal.origin}/m?t=1` });
    modal.next(answering(200, SUCCESS));
    await call({}, { epoch: 6 });
    const keys = modal.exchanges.flatMap(({ method, headers }) =>
      method === 'POST' ? [headers['idempotency-key']] : [],
    );
    expect(keys).toEqual([`${TICKET.job_id}:3`, `${TICKET.job_id}:3`]);
  });

  it('caller rule 8: reads status and body together, and knows what it does not know', () => {
    const codeOf = (status: number, body: string): string => classifyStatus(status, body, undefined, 0).code;
    expect(codeOf(404, 'modal-http: app for invoked web endpoint is stopped')).toBe('ENDPOINT_STOPPED');
    expect(codeOf(404, 'modal-http: workspace ac-1 is disabled')).toBe('WORKSPACE_DISABLED');
    expect(codeOf(429, 'modal-http: a new limit')).toBe('RATE_LIMITED');
    expect(codeOf(429, 'modal-http: workspace billing cycle spend limit reached')).toBe(
      'SPEND_LIMIT_REACHED',
    );
    expect(codeOf(500, 'modal-http: internal error: never heard of')).toBe('UPSTREAM_UNKNOWN');
  });

  it('caller rule 12: repeats nothing by itself once a request was sent', async () => {
    for (const reply of [
      answering(401, 'modal-http: invalid credentials for proxy authorization'),
      answering(422, '{"detail":[]}'),
      answering(500, 'modal-http: internal error: function execution timed out'),
      ({ response }: Parameters<EndpointReply>[0]) => void response.destroy(),
    ]) {
      const before = modal.lines.length;
      modal.next(reply);
      expect(await call()).toMatchObject({ kind: 'failed' });
      expect(modal.lines.length - before).toBe(1);
    }
  });

  it('caller rule 13: asks the health URL, and never the URL that wakes a GPU', async () => {
    modal.next(answering(200, { status: 'healthy', region: 'us-east' }));
    expect(await probeHealth(http.axios, anEndpoint(), undefined)).toEqual({
      healthy: true,
      detail: 'healthy',
    });
    expect(await probeHealth(http.axios, anEndpoint({ healthUrl: undefined }), undefined)).toMatchObject({
      healthy: true,
    });
    expect(modal.lines).toEqual(['GET /health']);
  });

  it("caller rule 14: sends no modal header but the credentials, and passes none of the platform's on", async () => {
    modal.next(
      answering(200, SUCCESS, {
        'modal-function-call-id': 'fc-9',
        'modal-internal': 'secret',
        'set-cookie': 'a=b',
      }),
    );
    const outcome = await call({ credentials: undefined });
    expect(Object.keys(modal.exchanges[0]!.headers).filter((name) => name.startsWith('modal-'))).toEqual([]);
    expect(JSON.stringify(outcome)).not.toMatch(/secret|set-cookie|modal-/);
  });

  it('caller rule 15: takes a deployment that runs in another region for ill', async () => {
    modal.next(answering(200, { status: 'healthy', region: 'eu-west' }));
    expect(await probeHealth(http.axios, anEndpoint(), undefined)).toEqual({
      healthy: false,
      detail: 'health attests region "eu-west", not US',
    });
  });

  it('caller rule 18: learns the id of the call with the first answer that tells it, and keeps it', async () => {
    const named: string[] = [];
    modal.next(answering(303, '', { location: '?t=1', 'modal-function-call-id': 'fc-9' }), ({ response }) => {
      expect(named).toEqual(['fc-9']);
      response.writeHead(200, { 'modal-function-call-id': 'fc-9' });
      response.end(JSON.stringify(SUCCESS));
    });
    const outcome = await call({ onCallId: (id) => named.push(id) });
    expect(outcome).toMatchObject({ kind: 'succeeded', upstream_call_id: 'fc-9' });
  });
});
