import type { ConnectionState, FollowedEvent, RunEvent } from '#router-client';
import { CellBoard, type CellsPage } from './cell-board.js';

export type ProgressEvent = Extract<RunEvent, { type: 'progress' }>;

export interface FeedSource {
  readonly readCells: (cursor: number, signal: AbortSignal) => Promise<CellsPage>;
  readonly follow: (
    lastEventId: string,
    signal: AbortSignal,
    onConnection: (state: ConnectionState) => void,
  ) => AsyncIterable<FollowedEvent>;
  /** Something that is not told by cells: gates, pauses, ends. */
  readonly onNews: () => void;
  /** Whether a refusal will not pass. */
  readonly isFinal: (error: unknown) => boolean;
  readonly onConnection: (state: ConnectionState) => void;
  /** Calls once before the next picture is drawn. */
  readonly nextFrame: (draw: () => void) => void;
  readonly pause: (signal: AbortSignal) => Promise<void>;
}

/** After these, cells have changed of which no event tells: those that never had a job. */
const READ_AGAIN: ReadonlySet<string> = new Set(['run.finished', 'run.reopened', 'run.budget_reached']);

/**
 * A run as it is shown: read once, then followed. However many events come, it is drawn at most once a picture, and what
 * is drawn is the board itself, never a copy.
 */
export class RunFeed {
  private shown: CellBoard | undefined;
  private lastProgress: ProgressEvent | undefined;
  private fault: unknown;
  private state: ConnectionState = { state: 'connecting' };
  private version = 0;
  private isDue = false;
  private abort: AbortController | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly source: FeedSource) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Grows with everything that is to be drawn. */
  readonly read = (): number => this.version;

  get board(): CellBoard | undefined {
    return this.shown;
  }

  get progress(): ProgressEvent | undefined {
    return this.lastProgress;
  }

  get error(): unknown {
    return this.fault;
  }

  get connection(): ConnectionState {
    return this.state;
  }

  start(): void {
    this.stop();
    this.abort = new AbortController();
    void this.keepOn(this.abort.signal);
  }

  stop(): void {
    this.abort?.abort();
    this.abort = undefined;
  }

  /** Nobody looks any more. */
  leave(): void {
    this.stop();
    this.source.onConnection({ state: 'ended' });
  }

  private async keepOn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const outcome = await this.readAndFollow(signal);
        if (outcome === 'over') return;
      } catch (error) {
        if (signal.aborted) return;
        this.fault = error;
        this.changed();
        if (this.source.isFinal(error)) return;
        await this.source.pause(signal);
      }
    }
  }

  private async readAndFollow(signal: AbortSignal): Promise<'over' | 'again'> {
    const first = await this.source.readCells(0, signal);
    const board = new CellBoard(first);
    this.fault = undefined;
    // What is shown stays until all of the new board is there.
    if (this.shown === undefined || board.complete) this.show(board);
    const rest = this.readRest(board, first.next_cursor, signal);
    // It is awaited below; until then nobody is to call it unhandled.
    rest.catch(() => undefined);
    const onConnection = (state: ConnectionState): void => {
      this.state = state;
      this.source.onConnection(state);
      this.changed();
    };
    for await (const { event } of this.source.follow(first.last_event_id, signal, onConnection)) {
      if (event.type === 'progress') {
        this.lastProgress = event;
        this.changed();
      } else if (board.apply(event)) this.changed();
      else if (!event.type.startsWith('cell.')) this.source.onNews();
      if (READ_AGAIN.has(event.type)) {
        await rest;
        return 'again';
      }
    }
    await rest;
    return 'over';
  }

  private async readRest(board: CellBoard, from: number | null, signal: AbortSignal): Promise<void> {
    let cursor = from;
    while (cursor !== null) {
      const page = await this.source.readCells(cursor, signal);
      board.add(page);
      cursor = page.next_cursor;
      if (cursor === null) this.show(board);
      else this.changed();
    }
  }

  private show(board: CellBoard): void {
    this.shown = board;
    this.changed();
  }

  private changed(): void {
    if (this.isDue) return;
    this.isDue = true;
    this.source.nextFrame(() => {
      this.isDue = false;
      this.version += 1;
      for (const listener of this.listeners) listener();
    });
  }
}
