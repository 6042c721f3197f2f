import { CharterFault, ProblemError, type RunProgressEvent, type RunView } from '#contracts';
import { readRunEvents, type Database, type Queryable, type StoredRunEvent } from '#persistence';
import { EventWatch } from './event-watch.js';
import { ProgressReader, ProgressViews } from './progress-events.js';
import type { RunHints } from './run-hints.js';

/** Word that is lost costs this long at most; a stored event is to reach its readers within 500 ms. */
const WATCH_MS = 300;
/** Each stream also looks for itself, in case nobody looks for all. */
const POLL_MS = 1000;
/** Progress without events: the time that is left changes all the same. */
const REFRESH_MS = 5000;
/**
 * The last event does not wait longer for the progress that comes before it: some milliseconds, as a rule. Where the
 * database is slow a reader is rather told late than not told how it ended.
 */
const LAST_PROGRESS_MS = 5000;
const HEARTBEAT_MS = 15_000;
const CLIENTS_MAX = 256;
/** One tenant has at most a quarter of the streams: the rest is for others. */
const TENANT_SHARE = 4;
const BATCH = 500;
export const FINAL_EVENT = 'run.finished';

/** What a reader is told of an event. @throws CharterFault for one that is not the reader's to know */
export type TellEvent = (event: Readonly<Record<string, unknown>>) => unknown;

/** Where a reader's events are read, and how they are told. */
export interface EventReader {
  readonly database: Queryable;
  readonly tell: TellEvent;
  /** Whose streams share a part of what the server serves; left out: nobody's. */
  readonly tenant?: string;
}

export interface FeedOptions {
  /** An event was held back from a customer. */
  readonly onHeldBack?: (type: string, fault: CharterFault) => void;
  readonly watchMs?: number;
  readonly pollMs?: number;
  readonly heartbeatMs?: number;
  readonly refreshMs?: number;
  readonly clientsMax?: number;
}

/**
 * Server-sent events of runs, read from their event rows. A hint makes a client's loop look at once; without hints one
 * watch looks for all of them. The loop is pulled by the response, so a slow client holds one batch and no more.
 * Between the stored events, which have ids, come those that tell of progress, which have none.
 */
export class RunEventFeed {
  private readonly wakersByRun = new Map<string, Set<() => void>>();
  private readonly watch: EventWatch;
  private readonly progress: ProgressViews;
  private readonly pollMs: number;
  private readonly heartbeatMs: number;
  private readonly refreshMs: number;
  private readonly clientsMax: number;
  private readonly onHeldBack: NonNullable<FeedOptions['onHeldBack']>;
  private readonly clientsByTenant = new Map<string, number>();
  private clients = 0;
  private closed = false;

  constructor(
    private readonly database: Database,
    hints: RunHints,
    readView: (runId: string) => Promise<RunView>,
    options: FeedOptions = {},
  ) {
    this.progress = new ProgressViews(readView);
    this.pollMs = options.pollMs ?? POLL_MS;
    this.heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.refreshMs = options.refreshMs ?? REFRESH_MS;
    this.clientsMax = options.clientsMax ?? CLIENTS_MAX;
    this.onHeldBack = options.onHeldBack ?? (() => undefined);
    const wake = (runId: string): void => {
      for (const wakeOne of this.wakersByRun.get(runId) ?? []) wakeOne();
    };
    hints.onEvents(wake);
    this.watch = new EventWatch(
      database,
      options.watchMs ?? WATCH_MS,
      () => [...this.wakersByRun.keys()],
      wake,
    );
  }

  get openStreams(): number {
    return this.clients;
  }

  /**
   * @param afterSeq number of the last event the client has; '0': none
   * @returns undefined where the run is over and the client has every event
   * @throws ProblemError TOO_MANY_STREAMS, SHUTTING_DOWN
   */
  async follow(
    runId: string,
    afterSeq: string,
    finished: boolean,
    reader: EventReader = { database: this.database, tell: (event) => event },
  ): Promise<EventStream | undefined> {
    if (this.closed) throw new ProblemError('SHUTTING_DOWN', 'the server is stopping');
    if (finished && (await readRunEvents(reader.database, runId, afterSeq, 1)).length === 0) return undefined;
    if (this.clients >= this.clientsMax) {
      throw new ProblemError(
        'TOO_MANY_STREAMS',
        `this server follows at most ${this.clientsMax} runs at once`,
      );
    }
    const { tenant } = reader;
    if (tenant !== undefined) this.takeShare(tenant);
    this.clients += 1;
    const waiter = new Waiter();
    const wakers = this.wakersByRun.get(runId) ?? new Set();
    this.wakersByRun.set(runId, wakers.add(waiter.wake));
    this.watch.wanted();
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.clients -= 1;
      if (tenant !== undefined) this.giveShareBack(tenant);
      wakers.delete(waiter.wake);
      if (wakers.size === 0) this.wakersByRun.delete(runId);
      waiter.wake();
    };
    return { chunks: this.read(runId, afterSeq, waiter, () => released || this.closed, reader), release };
  }

  /** Ends every stream; clients come back to another router with their Last-Event-ID. */
  onModuleDestroy(): void {
    this.closed = true;
    this.watch.close();
    for (const wakers of this.wakersByRun.values()) for (const wake of wakers) wake();
  }

  /** @throws ProblemError TOO_MANY_STREAMS */
  private takeShare(tenant: string): void {
    const allowed = Math.max(1, Math.floor(this.clientsMax / TENANT_SHARE));
    const open = this.clientsByTenant.get(tenant) ?? 0;
    if (open >= allowed) {
      throw new ProblemError(
        'TOO_MANY_STREAMS',
        `this server follows at most ${allowed} runs at once for the tenant "${tenant}", of ${this.clientsMax} for all`,
      );
    }
    this.clientsByTenant.set(tenant, open + 1);
  }

  private giveShareBack(tenant: string): void {
    const left = (this.clientsByTenant.get(tenant) ?? 1) - 1;
    if (left > 0) this.clientsByTenant.set(tenant, left);
    else this.clientsByTenant.delete(tenant);
  }

  private async *read(
    runId: string,
    afterSeq: string,
    waiter: Waiter,
    isOver: () => boolean,
    { database, tell }: EventReader,
  ): AsyncGenerator<string, void, undefined> {
    const told = (type: string, event: Readonly<Record<string, unknown>>): string => {
      try {
        return JSON.stringify(tell(event));
      } catch (error) {
        if (!(error instanceof CharterFault)) throw error;
        this.onHeldBack(type, error);
        return '';
      }
    };
    // Without an id: what a client comes back with stays the last stored event.
    const progressText = (event: RunProgressEvent | undefined): string => {
      const data = event === undefined ? '' : told(event.type, { ...event });
      return data === '' ? '' : `event: progress\ndata: ${data}\n\n`;
    };
    const eventText = ({ seq, type, data, at }: StoredRunEvent): string => {
      const body = told(type, { type, run_id: runId, at: at.toISOString(), ...data });
      return body === '' ? '' : `id: ${seq}\nevent: ${type}\ndata: ${body}\n\n`;
    };
    yield 'retry: 1000\n\n';
    let lastSeq = afterSeq;
    let quietSinceMs = performance.now();
    let isFinal = false;
    const progress = new ProgressReader(runId, this.progress, waiter.wake, this.refreshMs);
    while (!isOver()) {
      waiter.arm();
      const events = await readRunEvents(database, runId, lastSeq, BATCH);
      const last = events.at(-1);
      // A run may have ended and been reopened: only the last event of all says that it is over.
      if (last?.type === FINAL_EVENT && events.length < BATCH) {
        const before = events.slice(0, -1);
        if (before.length > 0) yield before.map(eventText).join('');
        // How it ended, before the event that ends the stream.
        yield progressText(await progress.last(LAST_PROGRESS_MS)) + eventText(last);
        return;
      }
      if (last !== undefined) {
        yield events.map(eventText).join('');
        lastSeq = last.seq;
        quietSinceMs = performance.now();
        isFinal = last.type === FINAL_EVENT;
        progress.changed();
        if (events.length === BATCH) continue;
      } else if (isFinal) return;
      const counted = progressText(progress.take());
      if (counted !== '') yield counted;
      else if (last !== undefined) {
        // Told enough for now.
      } else if (performance.now() - quietSinceMs >= this.heartbeatMs) {
        yield ': still here\n\n';
        quietSinceMs = performance.now();
      }
      await waiter.wait(Math.min(this.pollMs, this.heartbeatMs, progress.waitMs()));
    }
  }
}

export interface EventStream {
  readonly chunks: AsyncGenerator<string, void, undefined>;
  /** To be called when the connection is gone, however it went. */
  readonly release: () => void;
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
