import { afterEach, describe, expect, it } from '@jest/globals';
import {
  COLD_START_S,
  EXECUTION_S,
  SCALEDOWN_S,
  anEndpoint,
  hangUpCall,
  jsonOf,
  served,
  until,
  type Served,
} from '../spec-support.js';

describe('the account', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('counts calls, peaks and overlaps beyond the configured concurrency', async () => {
    standIn = await served();
    const calls = [await standIn.startCall(), await standIn.startCall(), await standIn.startCall()];
    standIn.clock.advance(COLD_START_S + 3 * EXECUTION_S);
    for (const { answer } of calls) expect((await answer).status).toBe(200);

    expect(await endpointAccount(standIn)).toMatchObject({
      concurrency: 1,
      calls_received: 3,
      calls_accepted: 3,
      calls_finished: 3,
      outcomes: { completed: 3 },
      in_flight: 0,
      max_in_flight: 3,
      max_running: 1,
      overlaps: 2,
      cold_starts: 1,
    });
  });

  it('sees no overlap where calls come one after another', async () => {
    standIn = await served();
    for (let call = 0; call < 3; call += 1) {
      const { answer } = await standIn.startCall();
      standIn.clock.advance(COLD_START_S + EXECUTION_S);
      await answer;
    }
    expect(await endpointAccount(standIn)).toMatchObject({
      overlaps: 0,
      max_in_flight: 1,
      calls_finished: 3,
    });
  });

  it('rule 28: meters GPU seconds from the grant to the end, by use, with their cost', async () => {
    standIn = await served();
    const { answer } = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    await answer;
    expect(await endpointAccount(standIn)).toMatchObject({ gpus_now: 1, gpus_peak: 1 });

    standIn.clock.advance(1000);
    const seconds = COLD_START_S + EXECUTION_S + SCALEDOWN_S;
    expect(await endpointAccount(standIn)).toMatchObject({
      gpus_now: 0,
      gpus_peak: 1,
      gpu_seconds: seconds,
      gpu_seconds_by: { cold_start: COLD_START_S, busy: EXECUTION_S, idle: SCALEDOWN_S },
      cost_usd: Math.round(seconds * 0.000164 * 1.5 * 1e6) / 1e6,
    });
  });

  it('rule 28: a region has its own multiplier, a GPU may have its own price, no GPU has a price as well', async () => {
    standIn = await served({
      usd_per_s: { L4: 0.1 },
      endpoints: [
        anEndpoint({ region_price_multiplier: 1.75, gpu: 'L4' }),
        anEndpoint({ id: 'cpu', gpu: 'none', region_price_multiplier: 1 }),
      ],
    });
    const calls = [await standIn.startCall(), await standIn.startCall({ path: '/cpu' })];
    standIn.clock.advance(1000);
    await Promise.all(calls.map(({ answer }) => answer));
    const seconds = COLD_START_S + EXECUTION_S + SCALEDOWN_S;
    expect(await endpointAccount(standIn)).toMatchObject({
      container_seconds: seconds,
      cost_usd: Math.round(seconds * 0.1 * 1.75 * 1e6) / 1e6,
    });
    expect(await jsonOf(await standIn.get('/_stand-in/account'))).toMatchObject({
      totals: { gpus_peak: 1, gpu_seconds: seconds },
      endpoints: {
        cpu: {
          gpus_peak: 0,
          gpu_seconds: 0,
          container_seconds: seconds,
          cost_usd: Math.round(((seconds * (0.0000131 + 0.00000222)) / 8) * 1e6) / 1e6,
        },
      },
    });
  });

  it('the peak of the totals is the peak of the sum, not the sum of the peaks', async () => {
    standIn = await served({ endpoints: [anEndpoint(), anEndpoint({ id: 'eu-m', region: 'EU' })] });
    for (const path of ['/us-m', '/eu-m']) {
      await standIn.startCall({ path });
      standIn.clock.advance(COLD_START_S + EXECUTION_S + SCALEDOWN_S);
    }
    const { totals } = (await jsonOf(await standIn.get('/_stand-in/account'))) as { totals: unknown };
    expect(totals).toMatchObject({ gpus_peak: 1, max_in_flight: 1, calls_received: 2, gpu_limit: 10 });
  });

  it('lists calls by idempotency key, and names keys that came twice', async () => {
    standIn = await served();
    for (const key of ['job-a:1', 'job-a:2', 'job-b:1', 'job-b:1']) {
      const { answer } = await standIn.startCall({ headers: { 'idempotency-key': key } });
      standIn.clock.advance(COLD_START_S + EXECUTION_S);
      await answer;
    }
    const account = await jsonOf(await standIn.get('/_stand-in/account'));
    expect(account['repeated_keys']).toMatchObject([{ key: 'job-b:1', calls: 2 }]);

    expect((await calls(standIn, '')).length).toBe(4);
    expect((await calls(standIn, '?key=job-b:1')).length).toBe(2);
    const ofJob = await calls(standIn, '?job_id=job-a');
    expect(ofJob).toMatchObject([
      { key: 'job-a:1', job_id: 'job-a', attempt: 1, outcome: 'completed', cold_start: true, runs: 1 },
      { key: 'job-a:2', job_id: 'job-a', attempt: 2, outcome: 'completed', cold_start: false },
    ]);
    expect(ofJob[0]).toMatchObject({ queued_s: COLD_START_S, execution_s: EXECUTION_S });
    expect(ofJob[0]?.['received_at']).toMatch(/^2026-01-01T00:00:00/);
  });

  it('records refused calls, 303s and hang-ups', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'status', body: 'rate_limited', count: 1, endpoint: 'us-m' });
    await standIn.call();
    const caller = await hangUpCall(standIn);
    caller.destroy();
    await until(() => standIn.standIn.account.totals.tally.cancelled === 1);
    expect(await endpointAccount(standIn)).toMatchObject({
      calls_received: 2,
      calls_refused: 1,
      cancelled: 1,
      hang_ups: 1,
      outcomes: { rate_limited: 1, cancelled: 1 },
    });
    expect(await calls(standIn, '')).toMatchObject([
      { outcome: 'rate_limited', faults: ['fault-1'], hung_up: false },
      { outcome: 'cancelled', faults: [], hung_up: true },
    ]);
  });

  it('forgets single calls beyond account_calls_kept, but no count', async () => {
    standIn = await served({ account_calls_kept: 2 });
    for (const key of ['a:1', 'b:1', 'c:1']) {
      const { answer } = await standIn.startCall({ headers: { 'idempotency-key': key } });
      standIn.clock.advance(COLD_START_S + EXECUTION_S);
      await answer;
    }
    expect((await calls(standIn, '')).map((call) => call['key'])).toEqual(['b:1', 'c:1']);
    expect(await endpointAccount(standIn)).toMatchObject({ calls_finished: 3 });
  });

  it('starts again on reset, without forgetting what is in flight', async () => {
    standIn = await served();
    const { answer } = await standIn.startCall({ headers: { 'idempotency-key': 'a:1' } });
    standIn.clock.advance(COLD_START_S);
    await fetch(`${standIn.url}/_stand-in/account/reset`, { method: 'POST' });
    standIn.clock.advance(EXECUTION_S);
    await answer;
    expect(await endpointAccount(standIn)).toMatchObject({
      calls_received: 0,
      calls_finished: 1,
      in_flight: 0,
      max_in_flight: 1,
      gpus_peak: 1,
      gpu_seconds: EXECUTION_S,
      gpu_seconds_by: { cold_start: 0, busy: EXECUTION_S, idle: 0 },
    });
    expect(await calls(standIn, '')).toMatchObject([{ key: 'a:1', outcome: 'completed' }]);
  });

  it('shows live containers', async () => {
    standIn = await served();
    await standIn.startCall();
    standIn.clock.advance(COLD_START_S);
    expect(await jsonOf(await standIn.get('/_stand-in/containers'))).toMatchObject({
      gpus: { used: 1, limit: 10 },
      containers: [
        { endpoint: 'us-m', region: 'US', gpu: 'T4', state: 'busy', inputs: 1, age_s: COLD_START_S },
      ],
      queued: { 'us-m': 0 },
    });
  });
});

async function endpointAccount(standIn: Served): Promise<Record<string, unknown>> {
  const account = await jsonOf(await standIn.get('/_stand-in/account'));
  return (account['endpoints'] as Record<string, Record<string, unknown>>)['us-m'] ?? {};
}

async function calls(standIn: Served, query: string): Promise<Record<string, unknown>[]> {
  const answer = await jsonOf(await standIn.get(`/_stand-in/account/calls${query}`));
  return answer['calls'] as Record<string, unknown>[];
}
