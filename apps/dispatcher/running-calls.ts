import { performance } from 'node:perf_hooks';
import type { Delivery } from '#messaging';
import type { Heartbeat, Ticket, WithdrawReply } from '#contracts';
import { mayBeGivenAway } from '#domain';
import { Nudge } from '#endpoint-client';

export interface RunningCall {
  /** The latest ticket for this attempt: one that was issued again takes the place of the lost one. */
  ticket: Ticket;
  readonly abort: AbortController;
  /** Given when the endpoint reports that the call has ended. */
  readonly nudge: Nudge;
  /** By the monotonic clock; `undefined` unless the call is in flight. */
  startedAtMs: number | undefined;
  /** `begun`: it was decided that its call is made. `given_back`: that none is. */
  turn: 'waits' | 'begun' | 'given_back';
  /** The router may have taken the ticket back: its call begins on the router's word only. */
  mustAsk: boolean;
  /** The latest delivery of the ticket: redelivery replaces the one that is acked in the end. */
  delivery: Delivery;
}

type Beat = Pick<Heartbeat, 'calls'> & { at_work: NonNullable<Heartbeat['at_work']> };

/** The tickets this process holds, one per job and attempt: in flight, or at the door. */
export class RunningCalls {
  private readonly calls = new Map<string, RunningCall>();
  private onEmpty: (() => void) | undefined;
  /** When the latest heartbeat that arrived was sent, by the monotonic clock. */
  private heardMs = -Infinity;

  /**
   * @returns the call to make, or `undefined` where this process already holds the attempt. Then the newest ticket
   * and delivery are adopted: a second ticket for one attempt must never become a second call.
   * @param nowMs by the monotonic clock
   */
  take(ticket: Ticket, delivery: Delivery, nowMs = performance.now()): RunningCall | undefined {
    const key = keyOf(ticket);
    const known = this.calls.get(key);
    // Its job was taken back, and has gone to another endpoint since: no call is made at the first.
    if (
      known?.turn === 'waits' &&
      known.ticket.endpoint_id !== ticket.endpoint_id &&
      known.ticket.epoch < ticket.epoch
    )
      this.giveBack(known);
    const held = this.calls.get(key);
    if (held === undefined) {
      const call: RunningCall = {
        ticket,
        abort: new AbortController(),
        nudge: new Nudge(),
        startedAtMs: undefined,
        turn: 'waits',
        // It may have been on its way for as long as nobody was heard.
        mustAsk: mayBeGivenAway(nowMs - this.heardMs),
        delivery,
      };
      this.calls.set(key, call);
      return call;
    }
    if (ticket.epoch < held.ticket.epoch) {
      delivery.message.ack();
      return undefined;
    }
    if (ticket.epoch > held.ticket.epoch) held.delivery.message.ack();
    held.ticket = ticket;
    held.delivery = delivery;
    return undefined;
  }

  release(call: RunningCall): void {
    const key = keyOf(call.ticket);
    if (this.calls.get(key) === call) this.calls.delete(key);
    if (this.calls.size === 0) this.onEmpty?.();
  }

  /** Ends the call upstream, if this process holds it under this epoch or an earlier one. */
  cancel(jobId: string, epoch: number): boolean {
    const held = this.all().filter(({ ticket }) => ticket.job_id === jobId && ticket.epoch <= epoch);
    for (const { abort } of held) abort.abort();
    return held.length > 0;
  }

  /**
   * The router wants a ticket back whose call has not begun. From then on it does not begin.
   * @returns `undefined` where this process does not hold the ticket
   */
  withdraw(jobId: string, epoch: number): WithdrawReply | undefined {
    const call = this.all().find(({ ticket }) => ticket.job_id === jobId && ticket.epoch === epoch);
    if (call === undefined) return undefined;
    if (call.turn === 'begun') return { given_back: false };
    this.giveBack(call);
    return { given_back: true, may_be_held: call.delivery.count === undefined };
  }

  private giveBack(call: RunningCall): void {
    call.turn = 'given_back';
    // The attempt's next ticket may come to this very process, and must not be taken for a copy of this one.
    this.release(call);
    call.abort.abort();
  }

  /**
   * NATS is away, the line to it is dead, or this process stood still. The router, which hears nothing from here, may
   * take tickets back whose calls have not begun, and give their jobs to others: a call that began now could be paid twice.
   */
  doubtWaiting(): void {
    for (const call of this.calls.values()) if (call.turn === 'waits') call.mustAsk = true;
  }

  /** NATS was away, and may have been killed: then it gives out again what waits here. */
  doubtDeliveries(): void {
    for (const call of this.calls.values())
      if (call.turn === 'waits') call.delivery = { ...call.delivery, count: undefined };
  }

  /** The endpoint says that the call of this attempt has ended. @returns whether this process holds it */
  nudge(jobId: string, attempt: number): boolean {
    const held = this.calls.get(keyOf({ job_id: jobId, attempt }));
    held?.nudge.give();
    return held !== undefined;
  }

  /** A heartbeat has arrived. @param sentMs before it was sent; both by the monotonic clock */
  heard(sentMs: number, nowMs = performance.now()): void {
    this.doubtAfterSilence(nowMs);
    this.heardMs = Math.max(this.heardMs, sentMs);
  }

  /**
   * Whether a call that has waited here begins on the router's word only. To be asked at the moment at which it would
   * begin: nobody may have been heard for long by then, though no heartbeat was due since.
   * @param nowMs by the monotonic clock
   */
  mustAsk(call: RunningCall, nowMs = performance.now()): boolean {
    this.doubtAfterSilence(nowMs);
    return call.mustAsk;
  }

  /** What the heartbeat reports: whatever is not heard of may be given to others. @param nowMs by the monotonic clock */
  beat(nowMs = performance.now()): Beat {
    const beat: Beat = { calls: [], at_work: [] };
    for (const { ticket, turn, startedAtMs } of this.calls.values()) {
      const { job_id, epoch } = ticket;
      if (startedAtMs !== undefined)
        beat.calls.push({ job_id, epoch, running_ms: Math.round(nowMs - startedAtMs) });
      else if (turn === 'begun') beat.at_work.push({ job_id, epoch });
    }
    return beat;
  }

  private doubtAfterSilence(nowMs: number): void {
    if (mayBeGivenAway(nowMs - this.heardMs)) this.doubtWaiting();
  }

  all(): readonly RunningCall[] {
    return [...this.calls.values()];
  }

  /** Calls in flight at an endpoint; tickets at its door do not count. */
  begunOn(endpointId: string): number {
    let count = 0;
    for (const { ticket, startedAtMs } of this.calls.values()) {
      if (ticket.endpoint_id === endpointId && startedAtMs !== undefined) count += 1;
    }
    return count;
  }

  /** Resolves once no call is held, or when the time is up. */
  async drained(timeoutMs: number): Promise<void> {
    if (this.calls.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.onEmpty = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }
}

function keyOf({ job_id: jobId, attempt }: Pick<Ticket, 'job_id' | 'attempt'>): string {
  return `${jobId}:${attempt}`;
}
