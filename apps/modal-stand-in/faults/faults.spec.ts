import { afterEach, describe, expect, it } from '@jest/globals';
import {
  COLD_START_S,
  EXECUTION_S,
  anEndpoint,
  hangUpCall,
  jsonOf,
  served,
  until,
  type Served,
} from '../spec-support.js';

const TWO_REGIONS = { endpoints: [anEndpoint(), anEndpoint({ id: 'eu-m', region: 'EU' })] };

describe('faults', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('delay adds simulated seconds to the execution', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'delay', delay_s: 20 });
    expect(await jsonOf(await answered(standIn, 20))).toMatchObject({ inference_time: EXECUTION_S + 20 });
  });

  it.each([
    ['rate_limited', 429],
    ['queue_full', 429],
    ['spend_limit', 429],
    ['application_error', 500],
    ['internal_error', 500],
    ['missing_request', 408],
    ['no_ready_container', 503],
  ] as const)('status %s answers %i at once and starts nothing', async (body, status) => {
    standIn = await served();
    await standIn.fault({ kind: 'status', body });
    expect((await standIn.call()).status).toBe(status);
    expect(standIn.standIn.simulation.gpus.used).toBe(0);
  });

  it.each([
    ['crashed', 'function was terminated by signal'],
    ['lost_input', 'Server has lost track of input'],
    ['timed_out', 'function execution timed out'],
  ] as const)('status %s comes from a container that had started the work', async (body, text) => {
    standIn = await served();
    await standIn.fault({ kind: 'status', body });
    const answer = await answered(standIn, 600);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe(`modal-http: internal error: ${text}`);
    expect(standIn.standIn.account.totals.tally.coldStarts).toBe(1);
  });

  it('status with at: answer does the work first', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'status', status: 500, at: 'answer' });
    expect((await answered(standIn)).status).toBe(500);
    expect(standIn.standIn.account.totals.tally.coldStarts).toBe(1);
  });

  it('status can carry Retry-After', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'status', status: 429, retry_after_s: 7 });
    expect((await standIn.call()).headers.get('retry-after')).toBe('7');
  });

  it('reset breaks the connection at once; at: answer, after the work', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'reset', count: 1 });
    await standIn.fault({ kind: 'reset', count: 1, at: 'answer' });
    await expect(standIn.call()).rejects.toThrow();
    expect(standIn.standIn.simulation.gpus.used).toBe(0);
    await expect(answered(standIn)).rejects.toThrow();
    expect(standIn.standIn.account.totals.tally.outcomes).toEqual({ reset: 1, answer_lost: 1 });
  });

  it('hang never answers, not even with 303, and counts as in flight until the caller gives up', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'hang' });
    const caller = await hangUpCall(standIn);
    standIn.clock.advance(1000);
    const { tally } = standIn.standIn.account.totals;
    expect(tally).toMatchObject({ inFlight: 1, redirects: 0, coldStarts: 0 });
    caller.destroy();
    await until(() => tally.outcomes['hung'] === 1);
    expect(tally.inFlight).toBe(0);
  });

  it('wrong_region attests another region', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'wrong_region', attests: 'ap-south' });
    expect(await jsonOf(await answered(standIn))).toMatchObject({ status: 'success', region: 'ap-south' });
  });

  it('truncated promises the whole body and breaks off half-way', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'truncated' });
    const answer = await answered(standIn);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
  });

  it('model_error is 200 with an error', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'model_error', error: 'out of memory' });
    expect(await jsonOf(await answered(standIn))).toEqual({ status: 'error', error: 'out of memory' });
  });

  it('rule 21: crash with mode reschedule runs the input again in a new container', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'crash', mode: 'reschedule', count: 1 });
    const answer = await answered(standIn, COLD_START_S + EXECUTION_S);
    expect(answer.status).toBe(200);
    expect(standIn.standIn.account.totals.tally).toMatchObject({ received: 1, reruns: 1, coldStarts: 2 });
  });

  it('rule 21: crash with mode invalid_function_call is 404 for its input, and briefly for everyone else', async () => {
    standIn = await served({ crash_restart_s: 5 });
    await standIn.fault({ kind: 'crash', mode: 'invalid_function_call', count: 1 });
    const { answer } = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + EXECUTION_S / 2);
    expect((await answer).status).toBe(404);
    expect(await (await standIn.call()).text()).toBe('modal-http: invalid function call');
    standIn.clock.advance(5);
    expect((await answered(standIn)).status).toBe(200);
  });

  it.each([
    [{ kind: 'crash', mode: 'crashed' }, 'function was terminated by signal'],
    [{ kind: 'preempt', mode: 'lost_input' }, 'Server has lost track of input'],
  ] as const)('rule 21: %j is 500 %s', async (fault, text) => {
    standIn = await served();
    await standIn.fault({ ...fault, count: 1 });
    const answer = await answered(standIn, 30);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe(`modal-http: internal error: ${text}`);
  });

  it('rule 23: missing_body makes a fresh container answer 408; a warm one is never struck', async () => {
    standIn = await served();
    expect((await answered(standIn)).status).toBe(200);
    await standIn.fault({ kind: 'missing_body', count: 1 });
    expect((await answered(standIn)).status).toBe(200);

    standIn.clock.advance(60);
    const { answer } = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + 5);
    const struck = await answer;
    expect(struck.status).toBe(408);
    expect(await struck.text()).toBe('Missing request, possibly due to expiry or cancellation');
    expect((await answered(standIn)).status).toBe(200);
    expect(await jsonOf(await standIn.get('/_stand-in/faults'))).toMatchObject({
      faults: [{ kind: 'missing_body', state: 'spent', hits: 1 }],
    });
  });

  it('slow_start makes a cold start longer', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'slow_start', delay_s: 30, count: 1 });
    await standIn.startCall();
    standIn.clock.advance(COLD_START_S + 29);
    expect(standIn.standIn.account.totals.tally.running).toBe(0);
    standIn.clock.advance(1);
    expect(standIn.standIn.account.totals.tally.running).toBe(1);
  });

  it('unavailable breaks calls, health and what is in progress, in its region only', async () => {
    standIn = await served(TWO_REGIONS);
    const { answer: inProgress } = await standIn.startCall();
    await standIn.fault({ kind: 'unavailable', region: 'US' });
    await expect(inProgress).rejects.toThrow();
    await expect(standIn.call()).rejects.toThrow();
    await expect(standIn.get('/us-m/health')).rejects.toThrow();
    await expect(standIn.get('/US/health')).rejects.toThrow();
    expect((await standIn.get('/eu-m/health')).status).toBe(200);
    await standIn.startCall({ path: '/eu-m' });
  });

  it('unavailable comes and goes with the clock', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'unavailable', start_after_s: 10, for_s: 5 });
    expect((await standIn.get('/us-m/health')).status).toBe(200);
    standIn.clock.advance(10);
    await expect(standIn.get('/us-m/health')).rejects.toThrow();
    standIn.clock.advance(5);
    expect((await standIn.get('/us-m/health')).status).toBe(200);
  });

  it('count, after_calls and endpoint say which calls are hit', async () => {
    standIn = await served(TWO_REGIONS);
    await standIn.fault({
      kind: 'status',
      body: 'internal_error',
      endpoint: 'us-m',
      after_calls: 1,
      count: 2,
    });
    const hits: number[] = [];
    for (const path of ['/us-m', '/us-m', '/eu-m', '/us-m', '/us-m']) {
      const { refused } = standIn.standIn.account.totals.tally;
      const answer = standIn.call({ path });
      answer.catch(() => undefined);
      const { tally } = standIn.standIn.account.totals;
      const before = tally.received;
      await until(() => tally.received > before);
      hits.push(tally.refused - refused);
    }
    expect(hits).toEqual([0, 1, 0, 1, 0]);
  });

  it('probability hits the same calls for the same seed', async () => {
    const patterns: string[] = [];
    for (let repeat = 0; repeat < 2; repeat += 1) {
      standIn = await served();
      await standIn.fault({ kind: 'status', body: 'internal_error', probability: 0.5, seed: 42 });
      await standIn.fault({ kind: 'status', body: 'rate_limited' });
      let pattern = '';
      for (let call = 0; call < 20; call += 1) pattern += (await standIn.call()).status === 500 ? 'x' : '.';
      patterns.push(pattern);
      await standIn.close();
    }
    standIn = await served();
    expect(patterns[0]).toBe(patterns[1]);
    expect(patterns[0]).toMatch(/x/);
    expect(patterns[0]).toMatch(/\./);
  });

  it('are listed with what they did, and removed one by one or all at once', async () => {
    standIn = await served();
    const added = await jsonOf(await standIn.fault({ kind: 'status', status: 500, count: 1, note: 'test' }));
    await standIn.fault({ kind: 'hang', start_after_s: 60 });
    await standIn.call();
    expect(added).toMatchObject({
      fault: { id: 'fault-1', kind: 'status', body: 'application_error', state: 'active' },
    });
    expect(await jsonOf(await standIn.get('/_stand-in/faults'))).toMatchObject({
      faults: [
        { id: 'fault-1', state: 'spent', hits: 1, calls_seen: 1, note: 'test' },
        { id: 'fault-2', state: 'waiting', hits: 0 },
      ],
    });
    expect(await remove(standIn, '/fault-1')).toEqual([200, { removed: 1 }]);
    expect((await remove(standIn, '/fault-1'))[0]).toBe(404);
    expect(await remove(standIn, '')).toEqual([200, { removed: 1 }]);
  });

  it.each([
    [{}, 'kind'],
    [{ kind: 'delay' }, 'delay_s'],
    [{ kind: 'hang', counts: 1 }, 'counts'],
    [{ kind: 'status' }, 'status'],
    [{ kind: 'status', status: 418 }, 'status'],
    [{ kind: 'status', status: 500, body: 'rate_limited' }, 'status'],
    [{ kind: 'hang', endpoint: 'nobody' }, 'endpoint'],
    [{ kind: 'hang', region: 'MARS' }, 'region'],
    [{ kind: 'capacity_drought', count: 1 }, 'count'],
    [{ kind: 'hang', probability: 2 }, 'probability'],
  ])('refuse %j with a problem that names %s', async (body, field) => {
    standIn = await served();
    const answer = await fetch(`${standIn.url}/_stand-in/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = await jsonOf(answer);
    expect(problem).toMatchObject({ code: 'INVALID_FAULT', status: 400 });
    expect((problem['errors'] as { field: string }[]).map((error) => error.field)).toContain(field);
  });

  it('refuse a body that is not JSON with a problem', async () => {
    standIn = await served();
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${standIn.url}/_stand-in/faults`, { method: 'POST', headers, body: '{' });
    expect(answer.status).toBe(400);
    expect(await jsonOf(answer)).toMatchObject({ code: 'BAD_REQUEST' });
  });
});

/** Makes a call and lets enough time pass for a cold start, an execution and `extraS` more. */
async function answered(standIn: Served, extraS = 0): Promise<Response> {
  const { answer } = await standIn.startCall();
  // Beyond the HTTP timeout the answer is read at the result URL.
  const totalS = COLD_START_S + EXECUTION_S + extraS;
  if (totalS < 150) {
    standIn.clock.advance(totalS);
    return answer;
  }
  standIn.clock.advance(150);
  const redirect = await answer;
  if (redirect.status !== 303) return redirect;
  const location = redirect.headers.get('location') ?? '';
  const { tally } = standIn.standIn.account.totals;
  for (let leftS = totalS - 150, next = location; ; leftS -= 150) {
    const before = tally.resultRequests;
    const following = fetch(next, { redirect: 'manual' });
    await until(() => tally.resultRequests > before);
    standIn.clock.advance(Math.min(150, leftS));
    const result = await following;
    if (result.status !== 303) return result;
    next = result.headers.get('location') ?? '';
  }
}

async function remove(standIn: Served, path: string): Promise<[number, unknown]> {
  const answer = await fetch(`${standIn.url}/_stand-in/faults${path}`, { method: 'DELETE' });
  return [answer.status, await answer.json()];
}
