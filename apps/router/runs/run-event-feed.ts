import { ProblemError } from '#contracts';
import { readRunEvents, type Database, type StoredRunEvent } from '#persistence';
import type { RunHints } from './run-hints.js';

const POLL_MS = 1000;
const HEARTBEAT_MS = 15_000;
const CLIENTS_MAX = 256;
const BATCH = 500;
export const FINAL_EVENT = 'run.finished';

export interface FeedOptions {
  readonly pollMs?: number;
  readonly heartbeatMs?: number;
  readonly clientsMax?: number;
}

/**
 * Server-sent events of runs, read from their event rows. A hint makes a client's loop look at once; without hints
 * it looks every second. The loop is pulled by the response, so a slow client holds one batch and no more.
 */
export class RunEventFeed {
  private readonly wakersByRun = new Map<string, Set<() => void>>();
  private readonly pollMs: number;
  private readonly heartbeatMs: number;
  private readonly clientsMax: number;
  private clients = 0;
  private closed = false;

  constructor(
    private readonly database: Database,
    hints: RunHints,
    options: FeedOptions = {},
  ) {
    this.pollMs = options.pollMs ?? POLL_MS;
    this.heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.clientsMax = options.clientsMax ?? CLIENTS_MAX;
    hints.onEvents((runId) => {
      for (const wake of this.wakersByRun.get(runId) ?? []) wake();
    });
  }

  get openStreams(): number {
    return this.clients;
  }

  /**
   * @param afterSeq number of the last event the client has; '0': none
   * @returns undefined where the run is over and the client has every event
   * @throws ProblemError TOO_MANY_STREAMS, SHUTTING_DOWN
   */
  async follow(runId: string, afterSeq: string, finished: boolean): Promise<EventStream | undefined> {
    if (this.closed) throw new ProblemError('SHUTTING_DOWN', 'the server is stopping');
    if (finished && (await readRunEvents(this.database, runId, afterSeq, 1)).length === 0) return undefined;
    if (this.clients >= this.clientsMax) {
      throw new ProblemError(
        'TOO_MANY_STREAMS',
        `this server follows at most ${this.clientsMax} runs at once`,
      );
    }
    this.clients += 1;
    const waiter = new Waiter();
    const wakers = this.wakersByRun.get(runId) ?? new Set();
    this.wakersByRun.set(runId, wakers.add(waiter.wake));
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.clients -= 1;
      wakers.delete(waiter.wake);
      if (wakers.size === 0) this.wakersByRun.delete(runId);
      waiter.wake();
    };
    return { chunks: this.read(runId, afterSeq, waiter, () => released || this.closed), release };
  }

  /** Ends every stream; clients come back to another router with their Last-Event-ID. */
  onModuleDestroy(): void {
    this.closed = true;
    for (const wakers of this.wakersByRun.values()) for (const wake of wakers) wake();
  }

  private async *read(
    runId: string,
    afterSeq: string,
    waiter: Waiter,
    isOver: () => boolean,
  ): AsyncGenerator<string, void, undefined> {
    yield 'retry: 1000\n\n';
    let lastSeq = afterSeq;
    let quietSinceMs = performance.now();
    let isFinal = false;
    while (!isOver()) {
      waiter.arm();
      const events = await readRunEvents(this.database, runId, lastSeq, BATCH);
      const last = events.at(-1);
      if (last !== undefined) {
        yield events.map((event) => eventText(runId, event)).join('');
        lastSeq = last.seq;
        quietSinceMs = performance.now();
        // A run may have ended and been reopened: only the last event says that it is over.
        isFinal = last.type === FINAL_EVENT;
        if (events.length === BATCH) continue;
        if (isFinal) return;
      } else if (isFinal) return;
      else if (performance.now() - quietSinceMs >= this.heartbeatMs) {
        yield ': still here\n\n';
        quietSinceMs = performance.now();
      }
      await waiter.wait(Math.min(this.pollMs, this.heartbeatMs));
    }
  }
}

export interface EventStream {
  readonly chunks: AsyncGenerator<string, void, undefined>;
  /** To be called when the connection is gone, however it went. */
  readonly release: () => void;
}

function eventText(runId: string, { seq, type, data, at }: StoredRunEvent): string {
  const body = JSON.stringify({ type, run_id: runId, at: at.toISOString(), ...data });
  return `id: ${seq}\nevent: ${type}\ndata: ${body}\n\n`;
}

/** Waits for a call or for time to pass. A call between `arm` and `wait` is not lost. */
class Waiter {
  private called = false;
  private resolve: (() => void) | undefined;

  readonly wake = (): void => {
    this.called = true;
    this.resolve?.();
  };

  arm(): void {
    this.called = false;
  }

  async wait(maxMs: number): Promise<void> {
    if (this.called) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      this.resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.resolve = undefined;
  }
}
