import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Ticket } from '#contracts';
import { DISPATCHER_DOUBT_MS, HEARTBEAT_MS, REGION_SILENCE_MS, isRegionDown } from '#domain';
import { TICKET_ACK_WAIT_MS, type Delivery } from '#messaging';
import { RunningCalls, type RunningCall } from './running-calls.js';

const END_MS = 40_000;
/** By which a router may be slow to read a heartbeat. */
const SPARE_MS = REGION_SILENCE_MS - DISPATCHER_DOUBT_MS - 1;

function taken(calls: RunningCalls, atMs: number): RunningCall {
  const ticket = { job_id: 'a-job', attempt: 1, epoch: 1 } as Ticket;
  return calls.take(ticket, {} as Delivery, atMs)!;
}

interface Beat {
  readonly sentMs: number;
  /** Left out: it never arrives. */
  readonly arrivesMs?: number;
  /** When the dispatcher knows that it has arrived. Left out: it never does. */
  readonly knownMs?: number;
}

/** Heartbeats over a line that goes dead now and then, and gives up what it holds, or lets it go on, in the end. */
const beats = fc
  .record({
    jitters: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: END_MS / HEARTBEAT_MS, maxLength: 40 }),
    outages: fc.array(
      fc.record({
        fromMs: fc.nat(END_MS),
        forMs: fc.nat(15_000),
        keeps: fc.boolean(),
        way: fc.constantFrom('both', 'there', 'back'),
      }),
      { maxLength: 3 },
    ),
    latencyMs: fc.nat(100),
  })
  .map(({ jitters, outages, latencyMs }): Beat[] => {
    const through = (atMs: number, way: 'there' | 'back'): number | undefined => {
      let arrivesMs = atMs;
      for (const outage of [...outages].sort((a, b) => a.fromMs - b.fromMs)) {
        const isOver = arrivesMs < outage.fromMs || arrivesMs >= outage.fromMs + outage.forMs;
        if (isOver || (outage.way !== 'both' && outage.way !== way)) continue;
        if (!outage.keeps) return undefined;
        arrivesMs = outage.fromMs + outage.forMs;
      }
      return arrivesMs + latencyMs;
    };
    return jitters.map((jitterMs, index) => {
      const sentMs = index * HEARTBEAT_MS + jitterMs;
      const arrivesMs = through(sentMs, 'there');
      if (arrivesMs === undefined) return { sentMs };
      const knownMs = through(arrivesMs, 'back');
      return { sentMs, arrivesMs, ...(knownMs === undefined ? {} : { knownMs }) };
    });
  });

describe('a call that has waited', () => {
  it('begins by itself only where its ticket cannot have been taken back, whatever the line did', () => {
    fc.assert(
      fc.property(
        beats,
        fc.nat(END_MS),
        fc.nat(20_000),
        fc.nat(Math.max(0, SPARE_MS)),
        (sent, takenMs, waitMs, slowMs) => {
          const turnMs = takenMs + waitMs;
          const calls = new RunningCalls();
          let call: RunningCall | undefined;
          const known = sent.filter((beat): beat is Required<Beat> => beat.knownMs !== undefined);
          for (const { sentMs, knownMs } of known.sort((a, b) => a.knownMs - b.knownMs)) {
            if (knownMs > turnMs) break;
            if (knownMs > takenMs) call ??= taken(calls, takenMs);
            calls.heard(sentMs, knownMs);
          }
          call ??= taken(calls, takenMs);

          // A router looks at any moment from then on: what came before the ticket it has read.
          const readMs = sent.flatMap(({ arrivesMs }) =>
            arrivesMs === undefined ? [] : [arrivesMs + slowMs],
          );
          const mayBeTakenBack = [takenMs + slowMs, ...readMs.map((ms) => ms - 1), turnMs]
            .filter((atMs) => atMs >= takenMs + slowMs && atMs <= turnMs)
            .some((atMs) => isRegionDown(atMs - Math.max(-Infinity, ...readMs.filter((ms) => ms <= atMs))));
          if (mayBeTakenBack) expect(calls.mustAsk(call, turnMs)).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('begins by itself where heartbeats arrive, also where one of them is lost', () => {
    const calls = new RunningCalls();
    calls.heard(0, 1);
    const call = taken(calls, 10);
    for (const sentMs of [HEARTBEAT_MS, 3 * HEARTBEAT_MS, 5 * HEARTBEAT_MS]) calls.heard(sentMs, sentMs + 20);
    expect(calls.mustAsk(call, 6 * HEARTBEAT_MS)).toBe(false);
  });

  it('asks, though nobody has looked since the latest heartbeat that arrived: what counts is the moment it would begin', () => {
    const calls = new RunningCalls();
    calls.heard(0, 1);
    const call = taken(calls, 10);
    expect(calls.mustAsk(call, DISPATCHER_DOUBT_MS)).toBe(false);
    expect(calls.mustAsk(call, DISPATCHER_DOUBT_MS + 1)).toBe(true);
  });

  it('asks, though heartbeats arrive again: it may have been taken back before', () => {
    const calls = new RunningCalls();
    calls.heard(0, 1);
    const call = taken(calls, 10);
    calls.heard(9000, 9001);
    expect(calls.mustAsk(call, 9002)).toBe(true);
    expect(taken(new RunningCalls(), 0).mustAsk).toBe(true);
  });

  it('is doubted before JetStream gives its ticket to somebody else, and before a router takes it back', () => {
    // A ticket is extended every third of its wait, so a dead line has used up that much of it.
    expect(DISPATCHER_DOUBT_MS).toBeLessThan((TICKET_ACK_WAIT_MS * 2) / 3);
    expect(DISPATCHER_DOUBT_MS + 2 * HEARTBEAT_MS).toBeLessThan(REGION_SILENCE_MS);
    expect(2 * HEARTBEAT_MS).toBeLessThan(DISPATCHER_DOUBT_MS);
  });
});

describe('the tickets of a process', () => {
  const deliveryOf = (count: number | undefined): Delivery => ({
    message: { ack: () => undefined } as unknown as Delivery['message'],
    count,
  });
  const aTicket = (jobId: string, changes: Partial<Ticket> = {}): Ticket =>
    ({ job_id: jobId, attempt: 1, epoch: 1, endpoint_id: 'US-m', ...changes }) as Ticket;

  it('are all told of in heartbeats once it was decided to call, also while no call is in flight', () => {
    const calls = new RunningCalls();
    const [waits, begun, running] = ['waits', 'begun', 'running'].map((jobId) =>
      calls.take(aTicket(jobId), deliveryOf(1), 0)!,
    );
    begun!.turn = 'begun';
    Object.assign(running!, { turn: 'begun', startedAtMs: 100 });
    const told = { at_work: [{ job_id: 'begun', epoch: 1 }] };
    expect(calls.beat(350)).toEqual({ ...told, calls: [{ job_id: 'running', epoch: 1, running_ms: 250 }] });
    // The call has ended; its outcome is not stored yet.
    running!.startedAtMs = undefined;
    expect(calls.beat(400)).toEqual({
      calls: [],
      at_work: [...told.at_work, { job_id: 'running', epoch: 1 }],
    });
    calls.release(begun!);
    calls.release(running!);
    expect(calls.beat(500)).toEqual({ calls: [], at_work: [] });
    expect(waits!.turn).toBe('waits');
  });

  it('that wait while NATS is away may be given to others: nobody knows how often they were delivered', () => {
    const calls = new RunningCalls();
    const [waits, begun] = ['waits', 'begun'].map((jobId) => calls.take(aTicket(jobId), deliveryOf(1), 0)!);
    begun!.turn = 'begun';
    calls.doubtDeliveries();
    expect([waits, begun].map((call) => call!.delivery.count)).toEqual([undefined, 1]);
  });

  it('make no call at an endpoint whose ticket was taken back: the job has gone to another one', () => {
    const calls = new RunningCalls();
    const first = calls.take(aTicket('a-job'), deliveryOf(1), 0)!;
    const second = calls.take(aTicket('a-job', { epoch: 2, endpoint_id: 'US-other' }), deliveryOf(1), 0);
    expect(first).toMatchObject({ turn: 'given_back', ticket: { endpoint_id: 'US-m' } });
    expect(second).toMatchObject({ turn: 'waits', ticket: { endpoint_id: 'US-other' } });
    expect(calls.all()).toEqual([second]);
  });

  it('are not thrown out by an older one that comes late', () => {
    const calls = new RunningCalls();
    const newer = calls.take(aTicket('a-job', { epoch: 2, endpoint_id: 'US-other' }), deliveryOf(1), 0)!;
    expect(calls.take(aTicket('a-job'), deliveryOf(undefined), 0)).toBeUndefined();
    expect(calls.all()).toEqual([newer]);
    expect(newer).toMatchObject({ turn: 'waits', ticket: { epoch: 2 }, delivery: { count: 1 } });
  });
});
