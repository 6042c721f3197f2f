/** How long after its end a call may still tell the platform to stop working on it. */
const PARTING_MS = 10_000;

/** Why a call's signal is aborted by a holder who hands the call on: its successor wants it to go on. */
export const HANDED_ON = 'handed on';

/** How long a call lasts: until it is cancelled, handed on, or out of time; and a little longer to say goodbye. */
export class CallLifetime {
  private readonly abort = new AbortController();
  private readonly partingAbort = new AbortController();
  private readonly executionTimer: NodeJS.Timeout;
  private partingTimer: NodeJS.Timeout | undefined;
  private readonly onCancelled = (): void => this.end();
  /** Its execution took longer than it may. */
  timedOut = false;

  /** @param cancelled the holder's signal @param timeoutMs from now to the answer */
  constructor(
    private readonly cancelled: AbortSignal,
    timeoutMs: number,
  ) {
    // Timers are cleared with the call: AbortSignal.timeout would keep each one alive to its end.
    this.executionTimer = setTimeout(() => {
      this.timedOut = true;
      this.end();
    }, timeoutMs);
    cancelled.addEventListener('abort', this.onCancelled, { once: true });
    if (cancelled.aborted) this.end();
  }

  /** Requests of the call itself end with it. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Requests that end the work upstream may come a little later. */
  get partingSignal(): AbortSignal {
    return this.partingAbort.signal;
  }

  get isCancelled(): boolean {
    return this.cancelled.aborted;
  }

  get isHandedOn(): boolean {
    return this.cancelled.aborted && this.cancelled.reason === HANDED_ON;
  }

  /** Nothing is waited for any more; what is to be said to the platform has to be said soon. */
  end(): void {
    clearTimeout(this.executionTimer);
    this.abort.abort();
    if (this.isHandedOn) this.partingAbort.abort();
    else this.partingTimer ??= setTimeout(() => this.partingAbort.abort(), PARTING_MS);
  }

  dispose(): void {
    clearTimeout(this.executionTimer);
    clearTimeout(this.partingTimer);
    this.cancelled.removeEventListener('abort', this.onCancelled);
  }
}
