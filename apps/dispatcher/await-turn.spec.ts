import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { subjects, type Ticket, type TicketCheck, type TicketCheckReply } from '#contracts';
import { DISPATCHER_DOUBT_MS } from '#domain';
import {
  OutcomePublisher,
  Topology,
  connectNats,
  type Delivery,
  type JsMsg,
  type NatsConnection,
} from '#messaging';
import { createLogger } from '#observability';
import { startTestNats, unhurried, until, type TestNats } from '#testing';
import { awaitTurn } from './await-turn.js';
import { Door } from './door.js';
import { RunningCalls } from './running-calls.js';
import { checkTicket } from './ticket-check.js';
import type { RegionEndpoint } from './region-endpoints.js';
import type { WorkerServices } from './worker-services.js';

const MAY_BEGIN: TicketCheckReply = { wanted: true, ended: false, may_begin: true };
/** Whoever is heard then is heard for as long as the spec runs, however slowly. */
const NEVER_SILENT_MS = Date.now();
const UNWANTED: TicketCheckReply = { wanted: false, ended: false, may_begin: false };

function aTicket(changes: Partial<Ticket> = {}): Ticket {
  return {
    ...{ v: 1, job_id: randomUUID(), attempt: 1, epoch: 1, endpoint_id: 'US-m', region: 'US', model: 'm' },
    ...{ staged: false, timeout_ms: 1000, request: { prompt: 'x', temperature: 0, max_tokens: 1 } },
    ...changes,
  };
}

describe('whether the call of a ticket may begin', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let topology: Topology;
  let reply: TicketCheckReply;
  let asked: number;
  /** Whoever still asks then is one whose test has failed. */
  let isOver = false;
  let asking: TicketCheck;
  let onAsked: () => void;

  beforeAll(async () => {
    nats = await startTestNats();
    // What the router says counts here: a check that nobody has answered in time is made again, or tells nothing.
    connection = unhurried(
      await connectNats({
        ...{ url: nats.url, name: 'spec', onReconnect: () => undefined, onDisconnect: () => undefined },
      }),
    );
    topology = await Topology.open(connection);
    await topology.ensureStreams(['US']);
    connection.subscribe(subjects.TICKET_CHECK, {
      callback: (_error, message) => {
        asked += 1;
        asking = message.json();
        onAsked();
        message.respond(JSON.stringify(reply));
      },
    });
  });
  beforeEach(() => {
    reply = MAY_BEGIN;
    asked = 0;
    onAsked = () => undefined;
  });
  afterAll(async () => {
    isOver = true;
    await connection.close();
    await nats.close();
  });

  const answer = ({ job_id, attempt, endpoint_id, region }: Ticket, epoch: number): Promise<void> =>
    new OutcomePublisher(connection, 'spec').publish({
      ...{ v: 1, job_id, attempt, epoch, endpoint_id, region, duration_ms: 1, reattached: false },
      result: { kind: 'failed', code: 'UPSTREAM_ERROR', detail: 'x' },
    });
  const check = (ticket: Ticket) =>
    checkTicket(connection, topology, ticket, 'spec', { isAgain: true, mayBeHeld: false });

  it('nobody can tell, while an outcome of an earlier ticket of the job is not recorded: it may be the answer', async () => {
    const ticket = aTicket({ epoch: 3 });
    await answer(aTicket(), 1);
    expect(await check(ticket)).toEqual(MAY_BEGIN);
    await answer(ticket, 1);
    expect(await check(ticket)).toBeUndefined();
    expect(asked).toBe(1);
    await topology.purge(subjects.OUTCOMES_STREAM, subjects.outcomesOfJob('US', ticket.job_id));
    expect(await check(ticket)).toEqual(MAY_BEGIN);
    await answer(ticket, 3);
    expect(await check(ticket)).toBe('reported');
  });

  interface AtTheDoor {
    readonly calls: RunningCalls;
    /** @returns whether its turn was taken */
    readonly endCall: () => boolean;
    readonly line: { isGood(): Promise<boolean> };
    readonly turn: Promise<string>;
  }
  const deliveredOnce = { message: { ack: () => undefined } as unknown as JsMsg, count: 1 };
  const turnOf = (
    ticket: Ticket,
    door: Door,
    calls: RunningCalls,
    line: AtTheDoor['line'],
    delivery: Delivery = deliveredOnce,
  ) => {
    const call = calls.take(ticket, delivery)!;
    const services = { connection, line, topology, calls, dispatcherId: 'spec' } as unknown as WorkerServices;
    const endpoint = { id: 'US-m', concurrency: 1 } as RegionEndpoint;
    const logged = { ...services, logger: createLogger('dispatcher', 'silent') };
    return awaitTurn(call, door, endpoint, logged, () => isOver);
  };
  /** A staged ticket at the door behind a call that runs. */
  const atTheDoor = (): AtTheDoor => {
    const calls = new RunningCalls();
    calls.heard(NEVER_SILENT_MS);
    const door = new Door();
    const line = { isGood: () => Promise.resolve(true) };
    const running = calls.take(aTicket(), deliveredOnce)!;
    running.turn = 'begun';
    running.startedAtMs = 1;
    const endCall = (): boolean => {
      running.startedAtMs = undefined;
      return door.passTurn();
    };
    return { calls, endCall, line, turn: turnOf(aTicket({ staged: true }), door, calls, line) };
  };

  it('a staged one begins when the call before it ends, and asks nobody', async () => {
    const { endCall, turn } = atTheDoor();
    reply = UNWANTED;
    expect(endCall()).toBe(true);
    expect(await turn).toBe('begin');
    expect(asked).toBe(0);
  });

  it.each([
    ['while NATS was away', ({ calls }: AtTheDoor) => calls.doubtWaiting()],
    [
      'while nobody was heard',
      ({ calls }: AtTheDoor) => {
        const backMs = NEVER_SILENT_MS + DISPATCHER_DOUBT_MS + 1;
        calls.heard(backMs, backMs);
      },
    ],
    ['behind a line that is dead', ({ line }: AtTheDoor) => (line.isGood = () => Promise.resolve(false))],
  ])('but not one that has waited %s: the router may have taken it back', async (_, pass) => {
    const given = atTheDoor();
    reply = UNWANTED;
    pass(given);
    given.endCall();
    expect(await given.turn).toBe('unwanted');
    const kept = atTheDoor();
    reply = MAY_BEGIN;
    pass(kept);
    kept.endCall();
    expect(await kept.turn).toBe('begin');
  });

  it('a fresh one begins at once, unless nobody was heard here while it was on its way', async () => {
    reply = UNWANTED;
    const calls = new RunningCalls();
    const line = { isGood: () => Promise.resolve(true) };
    expect(await turnOf(aTicket(), new Door(), calls, line)).toBe('unwanted');
    calls.heard(NEVER_SILENT_MS);
    expect(await turnOf(aTicket(), new Door(), calls, line)).toBe('begin');
    expect(asked).toBe(1);
  });

  it.each([
    ['came for the first time', 1, undefined],
    ['came back', 2, { redelivered_to: 'spec', may_be_held: false }],
    ['came nobody knows how often', undefined, { redelivered_to: 'spec', may_be_held: true }],
  ])('the router hears of one that %s', async (_, count, said) => {
    const calls = new RunningCalls();
    const line = { isGood: () => Promise.resolve(true) };
    const ticket = aTicket();
    // Nobody was heard: it is asked about in any case.
    expect(await turnOf(ticket, new Door(), calls, line, { ...deliveredOnce, count })).toBe('begin');
    expect(asking).toEqual({ job_id: ticket.job_id, attempt: 1, epoch: 1, dispatcher_id: 'spec', ...said });
  });

  it('one that has waited, and comes back meanwhile, is told of as such', async () => {
    const { calls, turn } = atTheDoor();
    const [, waiting] = calls.all();
    calls.take(waiting!.ticket, { ...deliveredOnce, count: undefined });
    calls.doubtWaiting();
    expect(await turn).toBe('begin');
    expect(asking).toMatchObject({ redelivered_to: 'spec', may_be_held: true });
  });

  it.each([
    ['is done with it', { ...UNWANTED, superseded: true }, 'superseded'],
    ['has ended it', { ...UNWANTED, ended: true }, 'cancelled'],
  ])('one that another may have is not cancelled here before that one %s', async (_, last, turn) => {
    const calls = new RunningCalls();
    const line = { isGood: () => Promise.resolve(true) };
    const ticket = aTicket();
    reply = { ...MAY_BEGIN, may_begin: false };
    const waiting = turnOf(ticket, new Door(), calls, line, { ...deliveredOnce, count: undefined });
    calls.cancel(ticket.job_id, 1);
    const before = asked;
    await until('it is asked about again', () => asked > before + 1);
    reply = last;
    expect(await waiting).toBe(turn);
  });

  it('one that is issued again while it is asked about is asked about again', async () => {
    const calls = new RunningCalls();
    const line = { isGood: () => Promise.resolve(true) };
    const ticket = aTicket();
    reply = { ...UNWANTED, superseded: true };
    onAsked = () => {
      if (asked > 1) reply = MAY_BEGIN;
      else calls.take({ ...ticket, epoch: 2 }, deliveredOnce);
    };
    expect(await turnOf(ticket, new Door(), calls, line)).toBe('begin');
    expect(asking.epoch).toBe(2);
  });

  it('one that was given back is let go of, also where another may have it', async () => {
    const calls = new RunningCalls();
    const line = { isGood: () => Promise.resolve(true) };
    const ticket = aTicket();
    reply = { ...MAY_BEGIN, may_begin: false };
    const waiting = turnOf(ticket, new Door(), calls, line, { ...deliveredOnce, count: undefined });
    await until('it is asked about', () => asked > 1);
    onAsked = () => calls.withdraw(ticket.job_id, 1);
    const before = asked;
    expect(await waiting).toBe('cancelled');
    expect(asked).toBe(before + 1);
  });

  it.each([
    [1, false],
    [undefined, true],
  ])('one that was delivered %p times is given back: may it be held by another: %p', (count, mayBeHeld) => {
    const calls = new RunningCalls();
    const { job_id: jobId } = calls.take(aTicket(), { ...deliveredOnce, count })!.ticket;
    expect(calls.withdraw(jobId, 1)).toEqual({ given_back: true, may_be_held: mayBeHeld });
  });
});
