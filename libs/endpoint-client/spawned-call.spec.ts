import type { OutcomeResult, Ticket } from '#contracts';
import { FAKED_TIMEOUTS, LocalEndpoint, answering, until, type EndpointReply } from '#testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { callEndpoint, type CallOptions } from './call-endpoint.js';
import { HANDED_ON } from './call-lifetime.js';
import type { Endpoint } from './endpoint.js';
import { createHttpClient, type HttpClient } from './http.js';
import { Nudge } from './nudge.js';

const JOB_ID = '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10';
const TICKET: Ticket = {
  v: 1,
  job_id: JOB_ID,
  attempt: 1,
  epoch: 1,
  endpoint_id: 'us-m',
  region: 'US',
  model: 'm',
  staged: false,
  timeout_ms: 10_000,
  request: { prompt: 'why?', temperature: 0.2, max_tokens: 64 },
};
const BRIEF = { timeout_ms: 1500 };
const SUCCESS = { status: 'success', response: 'because', region: 'US' };
const SPAWNED = answering(202, { status: 'pending', call_id: 'fc-7' });
const PENDING = answering(202, { status: 'pending', call_id: 'fc-7' });
const breaking: EndpointReply = ({ response }) => void response.destroy();

describe('a call that is spawned', () => {
  let endpoint: LocalEndpoint;
  let http: HttpClient;
  let stored: string[];
  let named: string[];
  let notEnded: number;

  beforeEach(async () => {
    endpoint = await LocalEndpoint.start();
    http = createHttpClient();
    stored = [];
    named = [];
    notEnded = 0;
  });
  afterEach(async () => {
    await http.close();
    await endpoint.close();
  });

  const anEndpoint = (pollMaxMs = 50): Endpoint => ({
    ...{ id: 'us-m', region: 'US', regionNames: ['US'], protocol: 'modal-hf', healthUrl: undefined },
    ...{ url: `${endpoint.origin}/m`, jobsUrl: `${endpoint.origin}/jobs`, pollMaxMs },
  });
  const quiet: CallOptions = {
    credentials: { modalKey: 'wk-1', modalSecret: 'ws-2' },
    cancelled: new AbortController().signal,
    callAddress: undefined,
    onCallAddress: () => Promise.resolve(),
  };
  const call = (
    options: Partial<CallOptions> = {},
    ticket: Partial<Ticket> = {},
    pollMaxMs?: number,
  ): Promise<OutcomeResult> =>
    callEndpoint(
      http.axios,
      anEndpoint(pollMaxMs),
      { ...TICKET, ...ticket },
      {
        ...quiet,
        onCallAddress: (address) => {
          stored.push(address);
          return Promise.resolve();
        },
        onCallId: (id) => named.push(id),
        onNotEnded: () => (notEnded += 1),
        ...options,
      },
    );
  const jobUrl = (): string => `spawned ${endpoint.origin}/jobs/fc-7`;

  it('caller rule 6: is spawned and polled, so that nothing is held open while it is cold', async () => {
    endpoint.next(SPAWNED, PENDING, PENDING, answering(200, SUCCESS));
    expect(await call()).toMatchObject({
      kind: 'succeeded',
      response: 'because',
      upstream_call_id: 'fc-7',
    });
    expect(endpoint.lines).toEqual(['POST /jobs', 'GET /jobs/fc-7', 'GET /jobs/fc-7', 'GET /jobs/fc-7']);
    const [spawn, ...polls] = endpoint.exchanges;
    expect(JSON.parse(spawn!.body)).toMatchObject({ model: 'm', prompt: 'why?', max_tokens: 64 });
    expect(spawn!.headers).toMatchObject({ 'idempotency-key': `${JOB_ID}:1`, 'modal-key': 'wk-1' });
    for (const { headers, body } of polls) {
      expect(headers).toMatchObject({ 'modal-key': 'wk-1', 'modal-secret': 'ws-2' });
      expect(body).toBe('');
    }
    expect({ stored, named }).toEqual({ stored: [jobUrl()], named: ['fc-7'] });
  });

  it('is stored before it is polled', async () => {
    endpoint.next(SPAWNED, answering(200, SUCCESS));
    let linesWhenStored: string[] = [];
    await call({
      onCallAddress: () => {
        linesWhenStored = endpoint.lines;
        return Promise.resolve();
      },
    });
    expect(linesWhenStored).toEqual(['POST /jobs']);
  });

  it('is polled, not spawned, where an earlier holder stored it', async () => {
    endpoint.next(PENDING, answering(200, SUCCESS));
    expect(await call({ callAddress: jobUrl() })).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines).toEqual(['GET /jobs/fc-7', 'GET /jobs/fc-7']);
  });

  it.each([404, 410])('is spawned anew where what was stored is no longer known (%d)', async (status) => {
    endpoint.next(answering(status, { detail: 'gone' }), SPAWNED, answering(200, SUCCESS));
    expect(await call({ callAddress: jobUrl() })).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines).toEqual(['GET /jobs/fc-7', 'POST /jobs', 'GET /jobs/fc-7']);
  });

  it('is followed as it was made where the configuration has changed since', async () => {
    endpoint.next(answering(200, SUCCESS));
    const held = `${endpoint.origin}/m?__modal_attempt_token=a`;
    expect(await call({ callAddress: held })).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines).toEqual(['GET /m?__modal_attempt_token=a']);
  });

  it('is spawned again under the same key where the answer to the spawn was lost', async () => {
    endpoint.next(breaking, SPAWNED, answering(200, SUCCESS));
    expect(await call()).toMatchObject({ kind: 'succeeded' });
    const keys = endpoint.exchanges.slice(0, 2).map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([`${JOB_ID}:1`, `${JOB_ID}:1`]);
  });

  it('outlives broken connections and a gateway that fails while it is polled', async () => {
    endpoint.next(SPAWNED, breaking, answering(503), answering(500, 'oops'), answering(200, SUCCESS));
    expect(await call()).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines.filter((line) => line === 'POST /jobs')).toHaveLength(1);
  });

  it('is asked for ever more seldom, but at once when the endpoint reports its end', async () => {
    /** Lets a minute go by at once, but waits for word in the pause after so many. */
    class CountedPauses extends Nudge {
      readonly pausesMs: number[] = [];

      override wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
        this.pausesMs.push(timeoutMs);
        return this.pausesMs.length <= 20 ? Promise.resolve() : super.wait(600_000, signal);
      }
    }
    const nudge = new CountedPauses();
    endpoint.next(SPAWNED, ...Array.from({ length: 21 }, () => PENDING), answering(200, SUCCESS));
    const outcome = call({ nudge }, { timeout_ms: 600_000 }, 60_000);
    await until('polls have become rare', () => nudge.pausesMs.length === 21);
    expect(nudge.pausesMs[0]).toBe(100);
    for (const [index, pauseMs] of nudge.pausesMs.slice(1).entries())
      expect(pauseMs).toBe(Math.min(60_000, (nudge.pausesMs[index] ?? 0) * 1.5));
    expect(nudge.pausesMs.at(-1)).toBe(60_000);
    nudge.give();
    expect(await outcome).toMatchObject({ kind: 'succeeded' });
  });

  it('is asked about further where the gateway is gone for a moment, as while it restarts', async () => {
    endpoint.next(
      SPAWNED,
      answering(404, 'modal-http: invalid function call'),
      answering(500, 'modal-http: internal error: something new'),
      answering(200, SUCCESS),
    );
    expect(await call()).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines.filter((line) => line === 'POST /jobs')).toHaveLength(1);
  });

  it.each<[string, EndpointReply]>([
    ['408', answering(408, 'Missing request, possibly due to expiry or cancellation')],
    ['503', answering(503, { detail: 'the call could not be recorded' })],
    ['500', answering(500, 'modal-http: internal error: Server has lost track of input')],
  ])(
    'is spawned again under the same key where the first answer is a doubtful %s',
    async (_title, doubtful) => {
      endpoint.next(doubtful, SPAWNED, answering(200, SUCCESS));
      expect(await call()).toMatchObject({ kind: 'succeeded' });
      const keys = endpoint.exchanges.slice(0, 2).map(({ headers }) => headers['idempotency-key']);
      expect(new Set(keys)).toEqual(new Set([`${JOB_ID}:1`]));
    },
  );

  it('is polled where it was spawned although the endpoint takes no jobs any more', async () => {
    endpoint.next(PENDING, answering(200, SUCCESS));
    const outcome = callEndpoint(http.axios, { ...anEndpoint(), jobsUrl: undefined }, TICKET, {
      ...quiet,
      callAddress: jobUrl(),
    });
    expect(await outcome).toMatchObject({ kind: 'succeeded' });
    expect(endpoint.lines).toEqual(['GET /jobs/fc-7', 'GET /jobs/fc-7']);
  });

  describe('that is to end', () => {
    it('is ended upstream when it is cancelled', async () => {
      const cancel = new AbortController();
      endpoint.next(
        SPAWNED,
        (exchange) => {
          void PENDING(exchange);
          cancel.abort();
        },
        answering(200, { status: 'cancelled', call_id: 'fc-7' }),
      );
      expect(await call({ cancelled: cancel.signal })).toEqual({ kind: 'cancelled' });
      expect(endpoint.lines.at(-1)).toBe('DELETE /jobs/fc-7');
      expect(endpoint.exchanges.at(-1)!.headers).toMatchObject({ 'modal-key': 'wk-1' });
    });

    it('is ended upstream when it is cancelled before its id is known', async () => {
      const cancel = new AbortController();
      endpoint.next(
        (exchange) => {
          cancel.abort();
          void SPAWNED(exchange);
        },
        answering(200, { status: 'cancelled' }),
      );
      expect(await call({ cancelled: cancel.signal })).toEqual({ kind: 'cancelled' });
      expect(endpoint.lines).toEqual(['POST /jobs', 'DELETE /jobs/fc-7']);
    });

    /** Time goes by in the spec's own words, so that a busy machine spawns the call before its time is up. */
    const stopTheClock = (): void => void jest.useFakeTimers(FAKED_TIMEOUTS);
    const timeIsUp = (): void => void jest.advanceTimersByTime(BRIEF.timeout_ms);
    afterEach(() => void jest.useRealTimers());

    it('is ended upstream when its time is up', async () => {
      stopTheClock();
      endpoint.next(SPAWNED, timeIsUp, answering(200, { status: 'cancelled' }));
      expect(await call({}, BRIEF)).toMatchObject({ code: 'EXECUTION_TIMEOUT' });
      expect(endpoint.lines).toEqual(['POST /jobs', 'GET /jobs/fc-7', 'DELETE /jobs/fc-7']);
    });

    it.each<[string, EndpointReply]>([
      ['503', answering(503)],
      ['429', answering(429, 'modal-http: rate limit')],
      ['a broken connection', breaking],
      ['a gateway that restarts', answering(404, 'modal-http: invalid function call')],
    ])('is told so again where the first word met %s', async (_title, reply) => {
      stopTheClock();
      endpoint.next(SPAWNED, timeIsUp, reply, answering(200, { status: 'cancelled' }));
      expect(await call({}, BRIEF)).toMatchObject({ code: 'EXECUTION_TIMEOUT' });
      expect(endpoint.lines.slice(2)).toEqual(['DELETE /jobs/fc-7', 'DELETE /jobs/fc-7']);
      expect(notEnded).toBe(0);
    });

    it('is reported as perhaps still running where the endpoint will not hear of it', async () => {
      stopTheClock();
      endpoint.next(SPAWNED, timeIsUp, answering(401, 'no'));
      expect(await call({}, BRIEF)).toMatchObject({
        code: 'EXECUTION_TIMEOUT',
        upstream_call_id: 'fc-7',
      });
      expect(notEnded).toBe(1);
    });

    it('is ended upstream where it can no longer be asked about', async () => {
      endpoint.next(
        SPAWNED,
        answering(401, 'modal-http: invalid credentials for proxy authorization'),
        answering(200, { status: 'cancelled' }),
      );
      expect(await call()).toMatchObject({ code: 'ENDPOINT_CREDENTIALS_REJECTED' });
      expect(endpoint.lines.at(-1)).toBe('DELETE /jobs/fc-7');
    });

    it('ends as what ended it, however long the goodbye takes', async () => {
      stopTheClock();
      const late: EndpointReply = (exchange) => {
        timeIsUp();
        return answering(503)(exchange);
      };
      endpoint.next(SPAWNED, answering(303), late, answering(200, { status: 'cancelled' }));
      expect(await call({}, BRIEF)).toMatchObject({ code: 'RESPONSE_INVALID' });
    });

    it('is not told anything once it has ended by itself', async () => {
      endpoint.next(SPAWNED, answering(200, { status: 'error', error: 'x' }));
      expect(await call()).toMatchObject({ code: 'MODEL_ERROR' });
      expect(endpoint.lines).toEqual(['POST /jobs', 'GET /jobs/fc-7']);
    });

    it('goes on upstream where its holder only hands it on', async () => {
      const handOn = new AbortController();
      endpoint.next(SPAWNED, (exchange) => {
        void PENDING(exchange);
        handOn.abort(HANDED_ON);
      });
      expect(await call({ cancelled: handOn.signal })).toEqual({ kind: 'cancelled' });
      expect(endpoint.lines).toEqual(['POST /jobs', 'GET /jobs/fc-7']);
    });
  });

  describe('ends as the endpoint says:', () => {
    it.each([
      ['timed_out', 'FUNCTION_TIMED_OUT'],
      ['crashed', 'UPSTREAM_CRASHED'],
      ['lost', 'INPUT_LOST'],
      ['cancelled', 'INPUT_LOST'],
      ['model_error', 'MODEL_ERROR'],
      ['something_new', 'MODEL_ERROR'],
    ])('%s is %s', async (type, code) => {
      endpoint.next(SPAWNED, answering(200, { status: 'error', error: 'x', error_type: type }));
      expect(await call()).toMatchObject({ kind: 'failed', code, upstream_call_id: 'fc-7' });
    });

    it.each<[string, EndpointReply, string]>([
      ['a refused body', answering(422, { detail: [] }), 'REQUEST_REJECTED'],
      [
        'rejected credentials',
        answering(401, 'modal-http: invalid credentials for proxy authorization'),
        'ENDPOINT_CREDENTIALS_REJECTED',
      ],
      [
        'a model that is not served',
        answering(200, { status: 'error', error: 'no such model' }),
        'MODEL_ERROR',
      ],
      ['no id', answering(202, { status: 'pending' }), 'RESPONSE_INVALID'],
      [
        'an id that leads elsewhere',
        answering(202, { status: 'pending', call_id: '../x' }),
        'RESPONSE_INVALID',
      ],
      ['an unknown region', answering(200, { ...SUCCESS, region: 'EU' }), 'REGION_MISMATCH'],
    ])('%s at the spawn', async (_title, reply, code) => {
      endpoint.next(reply);
      expect(await call()).toMatchObject({ kind: 'failed', code });
      expect(endpoint.lines).toEqual(['POST /jobs']);
    });

    it.each<[string, EndpointReply, string]>([
      ['another region', answering(200, { ...SUCCESS, region: 'EU' }), 'REGION_MISMATCH'],
      ['an expired result', answering(410, { status: 'error' }), 'INPUT_LOST'],
      [
        'a stopped app',
        answering(404, 'modal-http: app for invoked web endpoint is stopped'),
        'ENDPOINT_STOPPED',
      ],
    ])('%s at a poll', async (_title, reply, code) => {
      endpoint.next(SPAWNED, reply, answering(200, { status: 'cancelled' }));
      expect(await call()).toMatchObject({ kind: 'failed', code });
    });
  });
});

describe('a nudge', () => {
  const never = new AbortController().signal;

  it('that comes before the wait is not lost, and counts once', async () => {
    const nudge = new Nudge();
    nudge.give();
    await nudge.wait(600_000, never);
    let isOver = false;
    const second = nudge.wait(600_000, never).then(() => (isOver = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    nudge.give();
    await second;
  });

  it('is not waited for once the signal is aborted', async () => {
    await new Nudge().wait(600_000, AbortSignal.abort());
    const abort = new AbortController();
    const waiting = new Nudge().wait(600_000, abort.signal);
    abort.abort();
    await waiting;
  });
});
