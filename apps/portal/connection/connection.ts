/** How the page stands with the router: `live` while a stream is open, `reached` where the last request had an answer. */
export type ConnectionState = 'connecting' | 'reached' | 'live' | 'lost';

type StreamState = 'open' | 'lost';

/** Keeps what requests and streams say of the connection. One for the page. */
export class Connection {
  private readonly listeners = new Set<() => void>();
  private readonly streams = new Map<symbol, StreamState>();
  private lastRequest: 'none' | 'answered' | 'failed' = 'none';
  private current: ConnectionState = 'connecting';

  get state(): ConnectionState {
    return this.current;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  readonly read = (): ConnectionState => this.current;

  /** `fetch`, noting whether there was an answer at all. */
  async fetch(request: Request): Promise<Response> {
    try {
      const response = await fetch(request);
      this.note('answered');
      return response;
    } catch (error) {
      if (!request.signal.aborted) this.note('failed');
      throw error;
    }
  }

  /** @returns tells how the stream stands; `undefined`: it is over */
  stream(): (state: StreamState | undefined) => void {
    const id = Symbol('stream');
    return (state) => {
      if (state === undefined) this.streams.delete(id);
      else this.streams.set(id, state);
      if (state === 'open') this.lastRequest = 'answered';
      this.settle();
    };
  }

  private note(outcome: 'answered' | 'failed'): void {
    this.lastRequest = outcome;
    this.settle();
  }

  private settle(): void {
    const streams = [...this.streams.values()];
    const next: ConnectionState =
      this.lastRequest === 'failed' || streams.includes('lost')
        ? 'lost'
        : streams.includes('open')
          ? 'live'
          : this.lastRequest === 'none'
            ? 'connecting'
            : 'reached';
    if (next === this.current) return;
    this.current = next;
    for (const listener of this.listeners) listener();
  }
}

export const connection = new Connection();
