import { afterEach, describe, expect, it } from '@jest/globals';
import {
  COLD_START_S,
  EXECUTION_S,
  anEndpoint,
  hangUpCall,
  served,
  until,
  type Served,
} from '../spec-support.js';

const HTTP_TIMEOUT_S = 150;
/** Answers 10 + 300 s after the call: two 303s, then the result. */
const SLOW = { endpoints: [anEndpoint({ execution_s: 300 })] };

describe('the result URL of a call that takes longer than one request may', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 12: at 150 s the answer is an empty 303 to the same path with one token more', async () => {
    standIn = await served(SLOW);
    const answer = await redirected(standIn);
    expect(answer.status).toBe(303);
    expect(answer.headers.get('modal-function-call-id')).toMatch(/^fc-/);
    expect(await answer.text()).toBe('');
    const location = new URL(answer.headers.get('location') ?? '');
    expect(`${location.origin}${location.pathname}`).toBe(`${standIn.url}/us-m`);
    expect([...location.searchParams.keys()]).toEqual(['__modal_attempt_token']);
  });

  it('rule 12: the older parameter carries the call id, and Location may be relative', async () => {
    standIn = await served({
      ...SLOW,
      result_url: { parameter: '__modal_function_call_id', location: 'relative' },
    });
    const answer = await redirected(standIn);
    const id = answer.headers.get('modal-function-call-id');
    expect(answer.headers.get('location')).toBe(`/us-m?__modal_function_call_id=${id}`);
  });

  it('rule 13: GET joins the same call: another 303 with a fresh token, then the result', async () => {
    standIn = await served(SLOW);
    const first = locationOf(await redirected(standIn));
    const second = await join(standIn, first);
    standIn.clock.advance(HTTP_TIMEOUT_S);
    const secondLocation = locationOf(await second.answer);
    expect(secondLocation).not.toBe(first);

    const third = await join(standIn, secondLocation);
    standIn.clock.advance(HTTP_TIMEOUT_S);
    const answer = await third.answer;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'success', inference_time: 300 });
  });

  it('rule 13: any number of GETs start no second call, and each gets the result', async () => {
    standIn = await served(SLOW);
    const location = locationOf(await redirected(standIn));
    const joined = [
      await join(standIn, location),
      await join(standIn, location),
      await join(standIn, location),
    ];
    standIn.clock.advance(HTTP_TIMEOUT_S - 1);
    standIn.clock.advance(1);
    const later = await Promise.all(
      (await Promise.all(joined.map(({ answer }) => answer))).map(async (answer) =>
        join(standIn, locationOf(answer)),
      ),
    );
    standIn.clock.advance(COLD_START_S);
    const statuses = await Promise.all(later.map(async ({ answer }) => (await answer).status));
    expect(statuses).toEqual([200, 200, 200]);
    expect(standIn.standIn.account.totals.tally).toMatchObject({ received: 1, coldStarts: 1 });
  });

  it('rule 14: POST to it is 400', async () => {
    standIn = await served(SLOW);
    const location = locationOf(await redirected(standIn));
    const answer = await fetch(location, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toBe('modal-http: bad redirect method');
  });

  it('rule 14: auth applies to it', async () => {
    standIn = await served({ ...SLOW, proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    const headers = { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' };
    const location = locationOf(await redirected(standIn, { headers }));
    expect((await fetch(location)).status).toBe(401);
  });

  it.each([
    ['many', 200],
    ['once', 408],
  ] as const)('rule 15: with result_reads %s a second read is %i', async (reads, status) => {
    standIn = await served({ ...SLOW, result_reads: reads });
    const location = await finished(standIn);
    expect((await fetch(location)).status).toBe(200);
    const again = await fetch(location);
    expect(again.status).toBe(status);
    if (status === 408) {
      expect(await again.text()).toBe('Missing request, possibly due to expiry or cancellation');
    }
  });

  it('rule 15: a result is forgotten after result_kept_s', async () => {
    standIn = await served({ ...SLOW, result_kept_s: 60 });
    const location = await finished(standIn);
    standIn.clock.advance(60);
    expect((await fetch(location)).status).toBe(408);
  });

  it('rule 18: a caller who hangs up cancels a queued input', async () => {
    standIn = await served();
    const running = await standIn.startCall();
    standIn.clock.advance(COLD_START_S);
    const caller = await hangUpCall(standIn);
    caller.destroy();
    await until(() => standIn.standIn.account.totals.tally.cancelled === 1);
    expect(standIn.standIn.account.totals.tally.running).toBe(1);
    standIn.clock.advance(EXECUTION_S);
    expect((await running.answer).status).toBe(200);
  });

  it('rule 18: a caller who hangs up frees the container of a running input for the next', async () => {
    standIn = await served(SLOW);
    const caller = await hangUpCall(standIn);
    await standIn.startCall();
    standIn.clock.advance(COLD_START_S);
    caller.destroy();
    await until(() => standIn.standIn.account.totals.tally.cancelled === 1);
    expect(standIn.standIn.account.totals.tally).toMatchObject({ running: 1, inFlight: 1, coldStarts: 1 });
  });

  it('rule 18: the cancellation comes after cancel_after_s, and the grace holds the container', async () => {
    standIn = await served({ ...SLOW, cancel_after_s: 60, cancel_grace_s: 30 });
    const caller = await hangUpCall(standIn);
    standIn.clock.advance(COLD_START_S);
    caller.destroy();
    const { tally } = standIn.standIn.account.totals;
    await until(() => tally.hangUps === 1);
    standIn.clock.advance(60 + 29);
    expect(tally).toMatchObject({ cancelled: 0, running: 1 });
    standIn.clock.advance(1);
    expect(tally).toMatchObject({ cancelled: 1, running: 0 });
  });

  it('rule 20: a 303 that nobody follows ends in cancellation after the window', async () => {
    standIn = await served(SLOW);
    await redirected(standIn);
    standIn.clock.advance(119);
    expect(standIn.standIn.account.totals.tally.cancelled).toBe(0);
    standIn.clock.advance(1);
    expect(standIn.standIn.account.totals.tally.cancelled).toBe(1);
  });

  it('rule 20: a result URL survives a crash of its reader, if another one comes within the window', async () => {
    standIn = await served(SLOW);
    const location = locationOf(await redirected(standIn));
    const crashing = new AbortController();
    const broken = fetch(location, { signal: crashing.signal }).catch(() => 'broken');
    const { tally } = standIn.standIn.account.totals;
    await until(() => tally.resultRequests === 1);
    crashing.abort();
    await broken;
    await until(() => tally.hangUps === 1);
    standIn.clock.advance(119);

    const successor = await join(standIn, location);
    standIn.clock.advance(41);
    expect((await successor.answer).status).toBe(200);
    expect(tally).toMatchObject({ received: 1, cancelled: 0 });
  });

  it('an unknown token, and one of another endpoint, find nothing', async () => {
    standIn = await served({ endpoints: [...SLOW.endpoints, anEndpoint({ id: 'eu-m', region: 'EU' })] });
    const { search } = new URL(locationOf(await redirected(standIn)));
    expect((await standIn.get('/us-m?__modal_attempt_token=none')).status).toBe(408);
    expect((await standIn.get(`/eu-m${search}`)).status).toBe(408);
  });
});

async function redirected(standIn: Served, options?: { headers: Record<string, string> }): Promise<Response> {
  const { answer } = await standIn.startCall(options);
  standIn.clock.advance(HTTP_TIMEOUT_S);
  return answer;
}

function locationOf(answer: Response): string {
  return answer.headers.get('location') ?? '';
}

/** GETs a result URL; returns once the stand-in holds the request. */
async function join(standIn: Served, location: string): Promise<{ answer: Promise<Response> }> {
  const { tally } = standIn.standIn.account.totals;
  const before = tally.resultRequests;
  const answer = fetch(location, { redirect: 'manual' });
  await until(() => tally.resultRequests > before);
  return { answer };
}

/** @returns the result URL of a call that ended while nobody waited */
async function finished(standIn: Served): Promise<string> {
  const first = await join(standIn, locationOf(await redirected(standIn)));
  standIn.clock.advance(HTTP_TIMEOUT_S);
  const location = locationOf(await first.answer);
  standIn.clock.advance(COLD_START_S);
  return location;
}
