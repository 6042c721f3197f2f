import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import {
  COLD_START_S,
  EXECUTION_S,
  anEndpoint,
  jsonOf,
  served,
  until,
  type Served,
} from '../spec-support.js';

const DAY_S = 24 * 3600;
const WORK_S = COLD_START_S + EXECUTION_S;
const TWO_MODELS = { endpoints: [anEndpoint(), anEndpoint({ id: 'us-n', models: ['n'] })] };

describe('job routes', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 26: a spawn is answered at once; polls are 202 until the result, which can be read again', async () => {
    standIn = await served();
    const spawned = await spawn(standIn);
    expect(spawned.status).toBe(202);
    const { status, call_id: id } = await jsonOf(spawned);
    expect(status).toBe('pending');
    expect(id).toMatch(/^fc-/);

    for (const advanceS of [COLD_START_S, EXECUTION_S - 1]) {
      standIn.clock.advance(advanceS);
      const pending = await poll(standIn, id);
      expect(pending.status).toBe(202);
      expect(await jsonOf(pending)).toEqual({ status: 'pending', call_id: id });
    }
    standIn.clock.advance(1);
    const [first, second] = [await poll(standIn, id), await poll(standIn, id)];
    expect([first.status, second.status]).toEqual([200, 200]);
    const document = await jsonOf(first);
    expect(document).toMatchObject({
      status: 'success',
      model: 'm',
      region: 'US',
      inference_time: EXECUTION_S,
    });
    expect(await jsonOf(second)).toEqual(document);
  });

  it('rule 26: nobody has to wait for it: past 150 s and any window the job goes on', async () => {
    standIn = await served({ endpoints: [anEndpoint({ execution_s: 3000, execution_timeout_s: 3600 })] });
    const id = await spawnedId(standIn);
    standIn.clock.advance(COLD_START_S + 3000);
    expect(await jsonOf(await poll(standIn, id))).toMatchObject({ status: 'success' });
    expect(standIn.standIn.account.totals.tally).toMatchObject({ redirects: 0, cancelled: 0 });
  });

  it('rule 26: results are kept seven days, then 410; an unknown call is 404', async () => {
    standIn = await served();
    const id = await spawnedId(standIn);
    standIn.clock.advance(WORK_S + 7 * DAY_S - 1);
    expect((await poll(standIn, id)).status).toBe(200);
    standIn.clock.advance(1);
    const expired = await poll(standIn, id);
    expect(expired.status).toBe(410);
    expect(await jsonOf(expired)).toMatchObject({ status: 'error', error_type: 'expired' });
    const unknown = await poll(standIn, 'fc-none');
    expect(unknown.status).toBe(404);
    expect(await jsonOf(unknown)).toMatchObject({ detail: expect.any(String) });
  });

  it('rule 26: the same idempotency key is the same job, until it expires', async () => {
    standIn = await served();
    const headers = { 'idempotency-key': 'job-1:1' };
    const id = await spawnedId(standIn, { headers });
    expect(await spawnedId(standIn, { headers })).toBe(id);
    expect(await spawnedId(standIn, { headers: { 'idempotency-key': 'job-1:2' } })).not.toBe(id);
    standIn.clock.advance(2 * WORK_S);
    expect(await spawnedId(standIn, { headers })).toBe(id);
    expect(standIn.standIn.account.totals.tally).toMatchObject({ received: 2, spawned: 2, spawnRepeats: 2 });
    standIn.clock.advance(7 * DAY_S);
    expect(await spawnedId(standIn, { headers })).not.toBe(id);
  });

  it('rule 26: only job routes honour the key: the same one on two calls is two calls', async () => {
    standIn = await served();
    const headers = { 'idempotency-key': 'job-1:1' };
    await standIn.startCall({ headers });
    await standIn.startCall({ headers });
    await spawnedId(standIn, { headers });
    expect(standIn.standIn.account.totals.tally.accepted).toBe(3);
  });

  it('rule 26: cancel is idempotent, frees the slot and is what polls then say', async () => {
    standIn = await served({ endpoints: [anEndpoint({ execution_s: 100 })] });
    const [running, queued] = [await spawnedId(standIn), await spawnedId(standIn)];
    standIn.clock.advance(COLD_START_S);
    for (let time = 0; time < 2; time += 1) {
      const cancelled = await cancel(standIn, running);
      expect(cancelled.status).toBe(200);
      expect(await jsonOf(cancelled)).toEqual({ status: 'cancelled', call_id: running });
    }
    const settled = await poll(standIn, running);
    expect(settled.status).toBe(200);
    expect(await jsonOf(settled)).toMatchObject({ status: 'error', error_type: 'cancelled' });
    standIn.clock.advance(100);
    expect(await jsonOf(await poll(standIn, queued))).toMatchObject({ status: 'success', cold_start: false });
    expect(await jsonOf(await cancel(standIn, queued))).toEqual({ status: 'finished', call_id: queued });
    expect(await jsonOf(await poll(standIn, queued))).toMatchObject({ status: 'success' });
    expect((await cancel(standIn, 'fc-none')).status).toBe(404);
  });

  it('rule 26: a cancelled job is cancelled at once, also while its container has its grace', async () => {
    standIn = await served({ cancel_grace_s: 30, endpoints: [anEndpoint({ execution_s: 100 })] });
    const id = await spawnedId(standIn);
    standIn.clock.advance(COLD_START_S);
    await cancel(standIn, id);
    expect(await jsonOf(await poll(standIn, id))).toMatchObject({ error_type: 'cancelled' });
    expect(standIn.standIn.account.totals.tally.running).toBe(1);
    standIn.clock.advance(30);
    expect(standIn.standIn.account.totals.tally.running).toBe(0);
  });

  it('rule 26: a container that boots for a cancelled job boots on', async () => {
    standIn = await served();
    const id = await spawnedId(standIn);
    standIn.clock.advance(5);
    await cancel(standIn, id);
    standIn.clock.advance(5);
    expect(standIn.standIn.simulation.gpus.used).toBe(1);
  });

  it.each([
    [{ kind: 'status', body: 'timed_out' }, 'timed_out'],
    [{ kind: 'crash', mode: 'crashed' }, 'crashed'],
    [{ kind: 'crash', mode: 'invalid_function_call' }, 'crashed'],
    [{ kind: 'preempt', mode: 'lost_input' }, 'lost'],
    [{ kind: 'missing_body' }, 'lost'],
    [{ kind: 'model_error', error: 'out of memory' }, 'model_error'],
  ] as const)('rule 26: a job that ends by %j has error_type %s', async (fault, type) => {
    standIn = await served();
    await standIn.fault({ ...fault, count: 1 });
    const id = await spawnedId(standIn);
    standIn.clock.advance(COLD_START_S + 600);
    const ended = await poll(standIn, id);
    expect(ended.status).toBe(200);
    expect(await jsonOf(ended)).toEqual({ status: 'error', error: expect.any(String), error_type: type });
  });

  it('rule 26: a region spawns by the model, on any of its endpoints, each of which knows the call', async () => {
    standIn = await served(TWO_MODELS);
    const id = await spawnedId(standIn, { path: '/US/jobs', body: { model: 'n', prompt: 'Hello?' } });
    standIn.clock.advance(WORK_S);
    expect(await jsonOf(await poll(standIn, id, '/US/jobs'))).toMatchObject({
      status: 'success',
      model: 'n',
    });
    expect((await poll(standIn, id, '/us-m/jobs')).status).toBe(200);
    expect(standIn.standIn.account.endpoints.get('us-n')?.tally).toMatchObject({ spawned: 1, polls: 2 });
  });

  it('rule 26: the gateways of another region do not know the call', async () => {
    standIn = await served({
      job_result_kept_s: 60,
      endpoints: [anEndpoint(), anEndpoint({ id: 'eu-m', region: 'EU' })],
    });
    const id = await spawnedId(standIn, { path: '/US/jobs' });
    const statuses = async (): Promise<number[]> => [
      (await poll(standIn, id, '/EU/jobs')).status,
      (await poll(standIn, id, '/eu-m/jobs')).status,
      (await cancel(standIn, id, '/EU/jobs')).status,
      (await poll(standIn, id, '/US/jobs')).status,
    ];
    expect(await statuses()).toEqual([404, 404, 404, 202]);
    standIn.clock.advance(WORK_S);
    expect(await statuses()).toEqual([404, 404, 404, 200]);
    standIn.clock.advance(60);
    expect(await statuses()).toEqual([404, 404, 404, 410]);
    expect((await cancel(standIn, id, '/US/jobs')).status).toBe(410);
  });

  it('rule 26: a bad body is 422, a model not served here an application error, another method 405', async () => {
    standIn = await served(TWO_MODELS);
    expect((await spawn(standIn, { body: '{' })).status).toBe(422);
    const refused = await spawn(standIn, { body: { model: 'n', prompt: 'Hello?' } });
    expect(refused.status).toBe(200);
    expect(await jsonOf(refused)).toMatchObject({ status: 'error', error: expect.stringContaining('"n"') });
    expect((await standIn.get('/us-m/jobs')).status).toBe(405);
    expect(standIn.standIn.account.totals.tally).toMatchObject({ accepted: 0, refused: 2 });
  });

  it('rule 26: spawns have a rate and a queue limit of their own', async () => {
    standIn = await served({
      limits: {
        requests_per_s: 1,
        burst_s: 1,
        queued_per_endpoint: 1,
        spawns_per_s: 2,
        spawn_burst_s: 1,
        spawned_queued_per_endpoint: 3,
      },
    });
    await spawnedId(standIn);
    await spawnedId(standIn);
    expect((await spawn(standIn)).status).toBe(429);
    // Neither the web rate nor the web queue is used up by them.
    await standIn.startCall();
    standIn.clock.advance(1);
    await spawnedId(standIn);
    const full = await spawn(standIn);
    expect(full.status).toBe(429);
    expect(await full.text()).toBe('modal-http: Function reached pending input queue limit (3)');
  });

  it('rule 3: with auth on, every job route wants the credentials', async () => {
    standIn = await served({ proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    expect((await spawn(standIn)).status).toBe(401);
    const headers = { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' };
    const id = await spawnedId(standIn, { headers });
    expect((await poll(standIn, id)).status).toBe(401);
    expect((await cancel(standIn, id)).status).toBe(401);
    expect((await fetch(`${standIn.url}/us-m/jobs/${id}`, { headers })).status).toBe(202);
  });

  it('faults strike a spawn as they strike a call; a lost answer leaves a job behind its key', async () => {
    standIn = await served();
    const headers = { 'idempotency-key': 'job-1:1' };
    await standIn.fault({ kind: 'status', body: 'queue_full', count: 1 });
    await standIn.fault({ kind: 'reset', count: 1 });
    await standIn.fault({ kind: 'reset', count: 1, at: 'answer' });
    expect((await spawn(standIn, { headers })).status).toBe(429);
    await expect(spawn(standIn, { headers })).rejects.toThrow();
    expect(standIn.standIn.account.totals.tally.inFlight).toBe(0);
    await expect(spawn(standIn, { headers })).rejects.toThrow();
    expect(standIn.standIn.account.totals.tally.inFlight).toBe(1);
    const id = await spawnedId(standIn, { headers });
    standIn.clock.advance(WORK_S);
    expect(await jsonOf(await poll(standIn, id))).toMatchObject({ status: 'success' });
    expect(standIn.standIn.account.totals.tally.outcomes).toMatchObject({ completed: 1 });
  });

  it('a spawn can hang, and an outage breaks polls but not the job', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'hang', count: 1 });
    const leaving = new AbortController();
    const hanging = spawn(standIn, { signal: leaving.signal }).catch(() => 'left');
    await until(() => standIn.standIn.account.totals.tally.inFlight === 1);
    leaving.abort();
    expect(await hanging).toBe('left');
    await until(() => standIn.standIn.account.totals.tally.outcomes['hung'] === 1);

    const id = await spawnedId(standIn);
    await standIn.fault({ kind: 'unavailable', for_s: WORK_S });
    await expect(poll(standIn, id)).rejects.toThrow();
    standIn.clock.advance(WORK_S);
    expect(await jsonOf(await poll(standIn, id))).toMatchObject({ status: 'success' });
  });

  it('the account shows jobs beside calls, with their polls and repeated spawns', async () => {
    standIn = await served();
    const headers = { 'idempotency-key': 'job-1:1' };
    const id = await spawnedId(standIn, { headers });
    await spawnedId(standIn, { headers });
    await poll(standIn, id);
    standIn.clock.advance(WORK_S);
    await poll(standIn, id);
    await standIn.startCall();
    expect(await jsonOf(await standIn.get('/_stand-in/account/calls'))).toMatchObject({
      calls: [
        { call_id: id, kind: 'spawn', key: 'job-1:1', polls: 2, spawn_repeats: 1, outcome: 'completed' },
        { kind: 'call', polls: 0, outcome: null },
      ],
    });
    const account = await jsonOf(await standIn.get('/_stand-in/account'));
    expect(account).toMatchObject({
      totals: { jobs_spawned: 1, polls: 2, spawn_repeats: 1 },
      repeated_keys: [],
    });
  });

  it('are offered to Beacon where the configuration says so', async () => {
    standIn = await served({ beacon: { jobs: true } });
    const offered = parse(await (await standIn.get('/_stand-in/beacon.yaml')).text()) as {
      endpoints: Record<string, unknown>[];
    };
    expect(offered.endpoints[0]?.['jobs_url']).toBe(`${standIn.url}/us-m/jobs`);
    await standIn.close();
    standIn = await served();
    expect(await (await standIn.get('/_stand-in/beacon.yaml')).text()).not.toMatch(/jobs_url/);
  });
});

describe('the completion callback', () => {
  let standIn: Served;
  let receiver: Awaited<ReturnType<typeof aReceiver>>;
  afterEach(async () => {
    await standIn.close();
    await receiver.close();
  });

  it('rule 26: says that a job ended, with the secret, and nothing of what it was about', async () => {
    receiver = await aReceiver([200]);
    standIn = await served({ callback: { url: receiver.url, secret: 'hush' } });
    const id = await spawnedId(standIn, { headers: { 'idempotency-key': 'job-1:1' } });
    standIn.clock.advance(WORK_S);
    await until(() => receiver.received.length === 1);
    expect(receiver.received).toEqual([
      { secret: 'hush', body: { call_id: id, key: 'job-1:1', status: 'completed' } },
    ]);
  });

  it('rule 26: is tried again after a doubling pause, and given up after the last try', async () => {
    receiver = await aReceiver([500, 503, 200]);
    standIn = await served({ callback: { url: receiver.url, secret: 'hush', tries: 2, backoff_s: 4 } });
    const id = await spawnedId(standIn);
    const { account } = standIn.standIn;
    const { pending } = standIn.clock;
    await cancel(standIn, id);
    await until(() => standIn.clock.pending > pending);
    standIn.clock.advance(3.9);
    expect(account.callbacks.sent).toBe(1);
    standIn.clock.advance(0.1);
    await until(() => account.callbacks.failed === 1);
    expect(account.callbacks).toEqual({ sent: 2, delivered: 0, failed: 1 });
    expect(receiver.received.at(-1)?.body).toEqual({ call_id: id, key: null, status: 'cancelled' });
  });
});

interface SpawnOptions {
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

async function spawn(
  { url }: Served,
  { path = '/us-m/jobs', body = { model: 'm', prompt: 'Hello?' }, headers, signal }: SpawnOptions = {},
): Promise<Response> {
  return fetch(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** @returns the call id of a spawn that must be taken */
async function spawnedId(standIn: Served, options?: SpawnOptions): Promise<string> {
  const answer = await spawn(standIn, options);
  expect(answer.status).toBe(202);
  return String((await jsonOf(answer))['call_id']);
}

async function poll(standIn: Served, id: unknown, jobs = '/us-m/jobs'): Promise<Response> {
  return standIn.get(`${jobs}/${String(id)}`);
}

async function cancel({ url }: Served, id: string, jobs = '/us-m/jobs'): Promise<Response> {
  return fetch(`${url}${jobs}/${id}`, { method: 'DELETE' });
}

/** @param statuses what it answers, one after the other */
async function aReceiver(statuses: number[]) {
  const received: { secret: string | undefined; body: unknown }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const secret = request.headers['x-webhook-secret'];
      received.push({ secret: Array.isArray(secret) ? secret[0] : secret, body: JSON.parse(text) });
      response.statusCode = statuses.shift() ?? 500;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
