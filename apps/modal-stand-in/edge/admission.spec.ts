import { afterEach, describe, expect, it } from '@jest/globals';
import { COLD_START_S, EXECUTION_S, anEndpoint, served, type Served } from '../spec-support.js';

describe('what Modal turns away', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 1: a path that nobody deployed is 404 in plain text', async () => {
    standIn = await served();
    await expectText(await standIn.call({ path: '/nothing' }), 404, 'modal-http: invalid function call');
  });

  it.each([
    ['stopped', 404, 'modal-http: app for invoked web endpoint is stopped'],
    ['workspace_disabled', 404, 'modal-http: workspace ac-standin0000000000000 is disabled'],
    ['spend_limit', 429, 'modal-http: Webhook failed: workspace billing cycle spend limit reached'],
  ] as const)('rule 1: %s is %i, without Retry-After', async (body, status, text) => {
    standIn = await served();
    await standIn.fault({ kind: 'status', body });
    const answer = await standIn.call();
    expect(answer.headers.get('retry-after')).toBeNull();
    await expectText(answer, status, text);
  });

  it('rule 1: a stopped app answers no health check either; an over-budget one does', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'status', body: 'spend_limit' });
    expect((await standIn.get('/us-m/health')).status).toBe(200);
    await standIn.fault({ kind: 'status', body: 'stopped' });
    await expectText(
      await standIn.get('/us-m/health'),
      404,
      'modal-http: app for invoked web endpoint is stopped',
    );
  });

  it('rule 1: where nothing is deployed, a disabled or overdrawn workspace is still named first', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'status', body: 'spend_limit' });
    await expectStatus(standIn.call({ path: '/nothing' }), 429);
    await fetch(`${standIn.url}/_stand-in/faults`, { method: 'DELETE' });
    await standIn.fault({ kind: 'status', body: 'workspace_disabled' });
    await expectText(
      await standIn.call({ path: '/nothing' }),
      404,
      'modal-http: workspace ac-standin0000000000000 is disabled',
    );
  });

  it('rule 2: workspace, app, credentials, headers, rate, queue, in this order', async () => {
    standIn = await served({
      proxy_auth: { key: 'wk-1', secret: 'ws-1' },
      limits: { requests_per_s: 1, burst_s: 1, queued_per_endpoint: 1 },
    });
    const good = { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' };
    await standIn.startCall({ headers: good });
    // From here everything is wrong with a call, and one thing after the other is put right.
    await standIn.fault({ kind: 'status', body: 'stopped' });
    await standIn.fault({ kind: 'status', body: 'workspace_disabled' });
    const seen: string[] = [];
    const say = async (headers: Record<string, string>): Promise<void> => {
      seen.push(await (await standIn.call({ headers })).text());
    };
    const removeFault = async (id: string): Promise<void> => {
      await fetch(`${standIn.url}/_stand-in/faults/${id}`, { method: 'DELETE' });
    };
    await say({ 'modal-x': '1' });
    await removeFault('fault-2');
    await say({ 'modal-x': '1' });
    await removeFault('fault-1');
    await say({ 'modal-x': '1' });
    await say({ ...good, 'modal-x': '1' });
    await say(good);
    standIn.clock.advance(1);
    await say(good);
    expect(seen).toEqual([
      'modal-http: workspace ac-standin0000000000000 is disabled',
      'modal-http: app for invoked web endpoint is stopped',
      'modal-http: missing credentials for proxy authorization',
      'modal-http: prohibited modal header',
      'modal-http: rate limit exceeded',
      'modal-http: Function reached pending input queue limit (1)',
    ]);
  });

  it('rule 2: a stopped app is named before missing credentials, and those before a bad header', async () => {
    standIn = await served({ proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    await expectStatus(standIn.call({ headers: { 'modal-x': '1' } }), 401);
    await standIn.fault({ kind: 'status', body: 'stopped' });
    await expectStatus(standIn.call({ headers: { 'modal-x': '1' } }), 404);
  });

  it('rule 3: with auth on, missing and wrong credentials are 401 and start nothing', async () => {
    standIn = await served({ proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    const wrong = { 'modal-key': 'wk-1', 'modal-secret': 'ws-2' };
    await expectText(await standIn.call(), 401, 'modal-http: missing credentials for proxy authorization');
    await expectText(
      await standIn.call({ headers: wrong }),
      401,
      'modal-http: invalid credentials for proxy authorization',
    );
    expect(standIn.standIn.simulation.gpus.used).toBe(0);
  });

  it('rule 3: OPTIONS needs credentials too; the right pair is let in', async () => {
    standIn = await served({ proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    await expectStatus(fetch(`${standIn.url}/us-m`, { method: 'OPTIONS' }), 401);
    const { answer } = await standIn.startCall({ headers: { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' } });
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    await expectStatus(answer, 200);
  });

  it('rule 4: other modal-* request headers are 400', async () => {
    standIn = await served();
    const headers = { 'modal-function-call-id': 'fc-1' };
    await expectText(await standIn.call({ headers }), 400, 'modal-http: prohibited modal header');
  });

  it('rule 4: on every route, as credentials are asked for on every route', async () => {
    standIn = await served({ proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    const good = { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' };
    const { answer } = await standIn.startCall({ headers: good });
    standIn.clock.advance(150);
    const resultUrl = (await answer).headers.get('location') ?? '/us-m?__modal_attempt_token=none';
    const routes = [
      ['GET', '/us-m'],
      ['PUT', '/us-m'],
      ['GET', resultUrl],
      ['POST', resultUrl],
      ['GET', '/us-m/health'],
      ['GET', '/US/health'],
      ['POST', '/US/jobs'],
      ['GET', '/US/jobs'],
      ['GET', '/US/jobs/fc-1'],
      ['DELETE', '/US/jobs/fc-1'],
    ] as const;
    for (const [method, path] of routes) {
      const ask = async (headers: Record<string, string>): Promise<string> =>
        (await fetch(new URL(path, standIn.url), { method, headers, redirect: 'manual' })).text();
      const [without, with_] = [await ask({ 'modal-x': '1' }), await ask({ ...good, 'modal-x': '1' })];
      expect([method, path, without, with_]).toEqual([
        method,
        path,
        'modal-http: missing credentials for proxy authorization',
        'modal-http: prohibited modal header',
      ]);
    }
  });

  it('rule 5: calls beyond the rate are 429 until the bucket has refilled', async () => {
    standIn = await served({ limits: { requests_per_s: 1, burst_s: 2 } });
    await standIn.startCall();
    await standIn.startCall();
    await expectText(await standIn.call(), 429, 'modal-http: rate limit exceeded');
    standIn.clock.advance(1);
    await standIn.startCall();
    expect(standIn.standIn.account.totals.tally.accepted).toBe(3);
  });

  it.each(['/us-m', '/us-m/jobs'])(
    'rule 2: at %s the rate counts before the body, the body before the queue',
    async (path) => {
      standIn = await served({
        limits: {
          ...{ requests_per_s: 1, burst_s: 1, queued_per_endpoint: 1 },
          ...{ spawns_per_s: 1, spawn_burst_s: 1, spawned_queued_per_endpoint: 1 },
        },
      });
      const statuses: number[] = [];
      const say = async (body?: unknown): Promise<void> => {
        const answer = await standIn.call({ path, body: body ?? { model: 'm', prompt: 'Hello?' } });
        statuses.push(answer.status);
      };
      await standIn.startCall({ path });
      await say('{');
      standIn.clock.advance(1);
      await say('{');
      standIn.clock.advance(1);
      await say({ model: 'other', prompt: 'Hello?' });
      standIn.clock.advance(1);
      await say();
      expect(statuses).toEqual([429, 422, 200, 429]);
    },
  );

  it('rule 6: a full queue is 429 with the text clients look for', async () => {
    standIn = await served({ limits: { queued_per_endpoint: 1 } });
    await standIn.startCall();
    const answer = await standIn.call();
    expect(answer.status).toBe(429);
    expect(await answer.text()).toMatch(/reached pending input queue limit/);
  });

  it('rule 6: the workspace holds no more than in_system calls', async () => {
    standIn = await served({
      limits: { in_system: 1 },
      endpoints: [anEndpoint(), anEndpoint({ id: 'eu-m', region: 'EU' })],
    });
    await standIn.startCall();
    await expectStatus(standIn.call({ path: '/eu-m' }), 429);
  });

  it('rule 7: whatever is accepted is held, never 503, and has its own fc- id', async () => {
    standIn = await served();
    const calls = [await standIn.startCall(), await standIn.startCall(), await standIn.startCall()];
    standIn.clock.advance(COLD_START_S + 3 * EXECUTION_S);
    const answers = await Promise.all(calls.map(({ answer }) => answer));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const ids = answers.map(({ headers }) => headers.get('modal-function-call-id'));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^fc-/);
  });

  it('a body larger than max_body_bytes is 413', async () => {
    standIn = await served({ max_body_bytes: 1000 });
    await expectStatus(standIn.call({ body: { model: 'm', prompt: 'x'.repeat(1000) } }), 413);
    await standIn.startCall({ body: { model: 'm', prompt: 'x'.repeat(900) } });
  });

  it('a body that is not JSON, or lacks a field, is 422 as the application would answer it', async () => {
    standIn = await served();
    await expectStatus(standIn.call({ body: '{' }), 422);
    const answer = await standIn.call({ body: { model: 'm' } });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual({
      detail: [{ loc: ['body', 'prompt'], msg: 'Field required', type: 'value_error' }],
    });
  });

  it.each([
    { max_tokens: 0 },
    { max_tokens: 1.5 },
    { max_tokens: 32_769 },
    { temperature: -0.1 },
    { temperature: 5.1 },
    { seed: -1 },
    { seed: 0.5 },
    { messages: [] },
    { messages: Array.from({ length: 1025 }, () => ({ role: 'user', content: '' })) },
    { messages: [{ role: 'tool', content: 'Hello?' }] },
    { prompt: 'é'.repeat(256 * 1024 + 1) },
    { system: 'x'.repeat(512 * 1024) },
    { prompt: null },
  ])('a body that the gateway of a deployment refuses is 422: %#', async (changes) => {
    standIn = await served();
    await expectStatus(standIn.call({ body: { model: 'm', prompt: 'Hello?', ...changes } }), 422);
  });

  it('a body at the limits of the gateway is accepted', async () => {
    standIn = await served();
    const limits = { max_tokens: 32_768, temperature: 5, seed: 2 ** 62, system: null };
    const messages = Array.from({ length: 1024 }, () => ({ role: 'assistant', content: 'x'.repeat(512) }));
    await standIn.startCall({ body: { model: 'm', prompt: null, messages, ...limits } });
    await standIn.startCall({ body: { model: 'm', prompt: 'é'.repeat(256 * 1024), ...limits } });
    expect(standIn.standIn.account.totals.tally.accepted).toBe(2);
  });

  it('a model that the endpoint does not serve is an application error', async () => {
    standIn = await served();
    const answer = await standIn.call({ body: { model: 'other', prompt: 'Hello?' } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'error' });
  });
});

async function expectStatus(answer: Promise<Response>, status: number): Promise<void> {
  expect((await answer).status).toBe(status);
}

async function expectText(answer: Response, status: number, text: string): Promise<void> {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(await answer.text()).toBe(text);
}
