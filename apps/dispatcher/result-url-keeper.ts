import { setTimeout as wait } from 'node:timers/promises';

/** What of the store of running calls one call needs. */
export interface ResultUrlStore {
  put(resultUrl: string): Promise<void>;
  forget(): Promise<void>;
}

/**
 * How long a call waits for its result URL to be stored before it follows it. Long enough for a store that is there;
 * while NATS is away the call goes on, because the platform gives up a call that nobody waits for.
 */
const STORED_WITHIN_MS = 500;
const RETRY_MS = 100;
const RETRY_MAX_MS = 1000;

/** Sees to it that a running call can be found again: stores its latest result URL, trying for as long as it matters. */
export class ResultUrlKeeper {
  private latest: string | undefined;
  private stored: string | undefined;
  private storing: Promise<void> | undefined;
  private ended = false;

  /** @param onNotStored hears of every failure; the URL itself is a credential and is not told */
  constructor(
    private readonly store: ResultUrlStore,
    private readonly onNotStored: (error: unknown) => void,
  ) {}

  /** The URL was found in the store. */
  found(resultUrl: string): void {
    this.latest = resultUrl;
    this.stored = resultUrl;
  }

  /** Resolves when the URL is stored, or when waiting for that would cost more than it saves. */
  async keep(resultUrl: string): Promise<void> {
    this.latest = resultUrl;
    this.storing ??= this.storeLatest().finally(() => (this.storing = undefined));
    const abort = new AbortController();
    const enough = wait(STORED_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([this.storing, enough]);
    abort.abort();
  }

  /** The call's outcome is stored: nobody needs to find the call again. */
  async end(): Promise<void> {
    this.ended = true;
    if (this.latest === undefined) return;
    await this.storing;
    await this.store.forget();
  }

  private async storeLatest(): Promise<void> {
    let delayMs = RETRY_MS;
    while (!this.ended && this.latest !== undefined && this.latest !== this.stored) {
      const next = this.latest;
      try {
        await this.store.put(next);
        this.stored = next;
      } catch (error) {
        this.onNotStored(error);
        await wait(delayMs);
        delayMs = Math.min(delayMs * 2, RETRY_MAX_MS);
      }
    }
  }
}
