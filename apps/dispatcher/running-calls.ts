import { performance } from 'node:perf_hooks';
import type { JsMsg } from '#messaging';
import { subjects, type Ticket } from '#contracts';

export interface RunningCall {
  readonly ticket: Ticket;
  readonly abort: AbortController;
  /** By the monotonic clock; `undefined` unless the call is in flight. */
  startedAtMs: number | undefined;
  /** The latest delivery of the ticket: redelivery replaces the one that is acked in the end. */
  message: JsMsg;
}

/** The calls this process holds tickets for, by job and epoch. */
export class RunningCalls {
  private readonly calls = new Map<string, RunningCall>();
  private onEmpty: (() => void) | undefined;

  /** @returns the call to make, or `undefined` where this process already holds it: the ticket was redelivered */
  take(ticket: Ticket, message: JsMsg): RunningCall | undefined {
    const key = subjects.messageId(ticket.job_id, ticket.epoch);
    const held = this.calls.get(key);
    if (held !== undefined) {
      held.message = message;
      return undefined;
    }
    const call: RunningCall = { ticket, abort: new AbortController(), startedAtMs: undefined, message };
    this.calls.set(key, call);
    return call;
  }

  release(call: RunningCall): void {
    this.calls.delete(subjects.messageId(call.ticket.job_id, call.ticket.epoch));
    if (this.calls.size === 0) this.onEmpty?.();
  }

  /** Ends the call upstream, if this process holds it. */
  cancel(jobId: string, epoch: number): boolean {
    const call = this.calls.get(subjects.messageId(jobId, epoch));
    call?.abort.abort();
    return call !== undefined;
  }

  /** What the heartbeat reports. */
  begun(): { job_id: string; epoch: number; running_ms: number }[] {
    const nowMs = performance.now();
    return [...this.calls.values()].flatMap(({ ticket, startedAtMs }) =>
      startedAtMs === undefined
        ? []
        : [{ job_id: ticket.job_id, epoch: ticket.epoch, running_ms: Math.round(nowMs - startedAtMs) }],
    );
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
