import { setTimeout as wait } from 'node:timers/promises';

/** What of the store of running calls one call needs. */
export interface CallAddressStore {
  put(address: string): Promise<void>;
  forget(): Promise<void>;
}

/**
 * How long a call waits for its address to be stored before anything is asked there. Long enough for a store that is there;
 * while NATS is away the call goes on, because the platform gives up a call that nobody waits for.
 */
const STORED_WITHIN_MS = 500;
const RETRY_MS = 100;
const RETRY_MAX_MS = 1000;

/** Sees to it that a running call can be found again: stores its latest address, trying for as long as it matters. */
export class CallAddressKeeper {
  private latest: string | undefined;
  private stored: string | undefined;
  private storing: Promise<void> | undefined;
  private ended = false;

  /** @param onNotStored hears of every failure; the address itself is a credential and is not told */
  constructor(
    private readonly store: CallAddressStore,
    private readonly onNotStored: (error: unknown) => void,
  ) {}

  /** The address was found in the store. */
  found(address: string): void {
    this.latest = address;
    this.stored = address;
  }

  /** Resolves when the address is stored, or when waiting for that would cost more than it saves. */
  async keep(address: string): Promise<void> {
    this.latest = address;
    this.storing ??= this.storeLatest().finally(() => (this.storing = undefined));
    const abort = new AbortController();
    const enough = wait(STORED_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([this.storing, enough]);
    abort.abort();
  }

  /** The call's outcome is stored: nobody needs to find the call again, or to know that it was begun. */
  async end(): Promise<void> {
    this.ended = true;
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
