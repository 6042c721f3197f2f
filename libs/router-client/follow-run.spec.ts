import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LocalEndpoint, type Exchange } from '#testing';
import { FollowRefusedError, followRun, type ConnectionState, type FollowOptions } from './follow-run.js';

const RUN_ID = '00000000-0000-4000-8000-000000000001';
const QUICK = { backoffMs: 1 };

/** One event on the wire. */
function text(id: number | undefined, type: string, more: object = {}): string {
  const data = JSON.stringify({ type, run_id: RUN_ID, at: '2026-11-22T09:00:00.000Z', ...more });
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${data}\n\n`;
}

function begin({ response }: Exchange, ...texts: string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(`retry: 5\n\n${texts.join('')}`);
}
const answer =
  (...texts: string[]) =>
  (exchange: Exchange): void => {
    begin(exchange, ...texts);
    exchange.response.end();
  };
const nothingLeft = ({ response }: Exchange): void => void response.writeHead(204).end();

describe('followRun', () => {
  let router: LocalEndpoint;
  beforeAll(async () => {
    router = await LocalEndpoint.start();
  });
  beforeEach(() => void router.exchanges.splice(0));
  afterAll(() => router.close());

  const states: ConnectionState[] = [];
  const follow = (options: FollowOptions = {}) => {
    states.splice(0);
    const onConnection = (state: ConnectionState): void => void states.push(state);
    return followRun({ baseUrl: `${router.origin}/`, key: 'bk_secret' }, RUN_ID, {
      ...QUICK,
      onConnection,
      ...options,
    });
  };
  const all = async (options?: FollowOptions): Promise<string[]> => {
    const told: string[] = [];
    for await (const { id, event } of follow(options)) told.push(`${id ?? '-'} ${event.type}`);
    return told;
  };
  const resumedWith = (): (string | undefined)[] =>
    router.exchanges.map(({ headers }) => headers['last-event-id'] as string | undefined);

  it('tells every event once, and ends when the router has nothing left to tell', async () => {
    router.next(
      answer(
        text(1, 'run.started', { order: 'question' }),
        text(undefined, 'progress'),
        text(7, 'run.finished'),
      ),
      nothingLeft,
    );
    expect(await all()).toEqual(['1 run.started', '- progress', '7 run.finished']);
    expect(router.lines).toEqual([`GET /runs/${RUN_ID}/events`, `GET /runs/${RUN_ID}/events`]);
    expect(resumedWith()).toEqual([undefined, '7']);
    expect(router.exchanges[0]!.headers).toMatchObject({
      authorization: 'Bearer bk_secret',
      accept: 'text/event-stream',
    });
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'open', 'connecting', 'ended']);
  });

  it('goes on after the event it had when a connection breaks in the midst of one', async () => {
    router.next(
      (exchange) =>
        begin(exchange, text(1, 'run.started'), text(2, 'run.paused'), text(3, 'run.resumed').slice(0, -20)),
      ({ response }) => void response.destroy(),
      answer(text(3, 'run.resumed'), text(4, 'run.finished')),
      nothingLeft,
    );
    const told: string[] = [];
    for await (const { id, event } of follow()) {
      told.push(`${id} ${event.type}`);
      if (id === '2') router.exchanges[0]!.response.destroy();
    }
    expect(told).toEqual(['1 run.started', '2 run.paused', '3 run.resumed', '4 run.finished']);
    expect(resumedWith()).toEqual([undefined, '2', '2', '4']);
    expect(states.filter(({ state }) => state === 'waiting')).toHaveLength(2);
  });

  it('reads on where it is told to', async () => {
    router.next(nothingLeft);
    expect(await all({ lastEventId: '41' })).toEqual([]);
    expect(resumedWith()).toEqual(['41']);
  });

  it('puts characters together that arrive in pieces', async () => {
    router.next(async (exchange) => {
      begin(exchange);
      for (const byte of Buffer.from(text(1, 'gate.waiting', { gate_id: 'frågé-🌍' }))) {
        exchange.response.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      exchange.response.end();
    }, nothingLeft);
    const told = [];
    for await (const { event } of follow()) told.push(event);
    expect(told).toEqual([expect.objectContaining({ type: 'gate.waiting', gate_id: 'frågé-🌍' })]);
  });

  it('follows a run that was opened again after its end', async () => {
    router.next(
      answer(text(1, 'run.finished')),
      answer(text(2, 'run.reopened'), text(3, 'run.finished')),
      nothingLeft,
    );
    expect(await all()).toEqual(['1 run.finished', '2 run.reopened', '3 run.finished']);
  });

  it('waits for a router that is not well, and says why', async () => {
    const problem = { code: 'TOO_MANY_STREAMS', detail: 'this server follows at most 256 runs at once' };
    router.next(
      ({ response }) => void response.writeHead(503).end(JSON.stringify(problem)),
      ({ response }) => void response.writeHead(429).end(),
      nothingLeft,
    );
    expect(await all()).toEqual([]);
    expect(states.filter((each) => each.state === 'waiting').map(({ reason }) => reason)).toEqual([
      problem.detail,
      'status 429',
    ]);
  });

  it('ends with what the router says where it refuses', async () => {
    const problem = { status: 404, code: 'RUN_NOT_FOUND', detail: 'there is no such run' };
    router.next(({ response }) => void response.writeHead(404).end(JSON.stringify(problem)));
    const refused = await all().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FollowRefusedError);
    expect(refused).toMatchObject({ status: 404, problem: { code: 'RUN_NOT_FOUND' } });
    expect(router.exchanges).toHaveLength(1);
  });

  it('takes a connection on which nothing comes for lost', async () => {
    const silent = await LocalEndpoint.start();
    // Whoever is lost before a first word, or before the last one, asks again.
    silent.always((exchange) => {
      if (exchange.headers['last-event-id'] === undefined) begin(exchange, text(1, 'run.started'));
      else nothingLeft(exchange);
    });
    const told: string[] = [];
    for await (const { id, event } of followRun({ baseUrl: silent.origin }, RUN_ID, {
      ...QUICK,
      silenceMs: 50,
    }))
      told.push(`${id} ${event.type}`);
    expect(told).toEqual(['1 run.started']);
    const [first, ...others] = silent.exchanges;
    await first!.hungUp;
    expect(others.map(({ headers }) => headers['last-event-id'])).toContain('1');
    await silent.close();
  });

  it('hangs up when nobody reads on', async () => {
    router.next((exchange) => begin(exchange, text(1, 'run.started'), text(2, 'run.paused')));
    for await (const { id } of follow()) {
      expect(id).toBe('1');
      break;
    }
    await router.exchanges[0]!.hungUp;
  });

  it('ends with the reason of its signal, while it reads and while it waits', async () => {
    const reading = new AbortController();
    router.next((exchange) => begin(exchange, text(1, 'run.started')));
    const enough = new Error('enough');
    await expect(
      (async () => {
        for await (const _each of follow({ signal: reading.signal })) reading.abort(enough);
      })(),
    ).rejects.toBe(enough);
    await router.exchanges[0]!.hungUp;

    const waiting = new AbortController();
    router.next(({ response }) => void response.writeHead(500).end());
    const onConnection = ({ state }: ConnectionState): void => {
      if (state === 'waiting') waiting.abort(enough);
    };
    await expect(all({ signal: waiting.signal, backoffMs: 60_000, onConnection })).rejects.toBe(enough);
  });

  it('ends with what the check of an event throws', async () => {
    router.next(answer(text(1, 'run.started')));
    const parse = (): never => {
      throw new TypeError('not an event');
    };
    await expect(all({ parse })).rejects.toThrow('not an event');
  });
});
