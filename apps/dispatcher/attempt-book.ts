import { randomUUID } from 'node:crypto';
import { setImmediate as setImmediately } from 'node:timers/promises';
import type { AttemptCalls, BegunCall, StoredAttempt, Ticket } from '#contracts';
import type { CallStore, FoundAttempt } from '#messaging';
import type { CallAddressStore } from './call-address-keeper.js';

type Store = Pick<CallStore, 'put' | 'get' | 'forget'>;

/**
 * The calls that were begun for an attempt, here and by earlier holders of its ticket. Each is written down before it is
 * made, so that whoever comes after a crash knows of it: it was paid for, and has to be in the ledger.
 */
export class AttemptBook implements CallAddressStore {
  private readonly calls: BegunCall[];
  private addressOfLast: string | undefined;
  /** Of the latest write that was confirmed. */
  private revision: number | undefined;
  private lastWrite: Promise<unknown> = Promise.resolve();
  /** The last of `calls` is this holder's own: it is the one whose end is reported. */
  private isOwn = false;

  constructor(
    private readonly store: Store,
    private readonly ticket: Pick<Ticket, 'job_id' | 'attempt' | 'endpoint_id'>,
    found?: FoundAttempt,
  ) {
    this.calls = [...(found?.attempt.calls ?? [])];
    this.addressOfLast = found?.attempt.address;
    this.revision = found?.revision;
    // Whoever stored an address before calls had ids made one call.
    if (this.addressOfLast !== undefined && this.calls.length === 0) this.calls.push(this.newCall());
  }

  /** @throws where the store cannot be read: what is not known must not be called again */
  static async find(store: Store, ticket: Ticket): Promise<AttemptBook> {
    return new AttemptBook(store, ticket, await store.get(ticket.job_id, ticket.attempt));
  }

  get hasCalls(): boolean {
    return this.calls.length > 0;
  }

  /**
   * Where the last call can be found again. One that was made elsewhere is none of this ticket's: its number was given
   * to a ticket that was taken back, and the attempt has gone to another endpoint since.
   */
  get address(): string | undefined {
    return this.isLastHere ? this.addressOfLast : undefined;
  }

  /** The last call was made at this ticket's endpoint, which may still have it. */
  get isLastHere(): boolean {
    return this.calls.at(-1)?.endpoint_id === this.ticket.endpoint_id;
  }

  /**
   * Writes a new call down. Resolves when that is on its way, not when it has arrived: nats-server reads it in any case,
   * also where this process is killed in the next moment, and nobody waits for a round trip before each call.
   */
  async begin(): Promise<void> {
    this.calls.push(this.newCall());
    this.addressOfLast = undefined;
    this.isOwn = true;
    await this.send();
  }

  /** The call that is found again is the last one. */
  adopt(): void {
    this.isOwn = true;
  }

  /** The call was not made after all. On its way as `begin` is: whoever comes after a crash is not to report it. */
  async takeBack(): Promise<void> {
    this.calls.pop();
    this.isOwn = false;
    await this.send();
  }

  async put(address: string): Promise<void> {
    this.addressOfLast = address;
    await this.write();
  }

  /** Its outcome is stored. */
  async forget(): Promise<void> {
    await this.lastWrite.catch(() => undefined);
    if (this.revision === undefined) return;
    const { job_id: jobId, attempt } = this.ticket;
    await this.store.forget(jobId, attempt, this.revision);
  }

  /** For the outcome. @param endedMsAgo since the end of the call */
  reported(endedMsAgo: number): AttemptCalls {
    const own = this.isOwn ? this.calls.at(-1) : undefined;
    return {
      id: own?.id ?? null,
      earlier: own === undefined ? [...this.calls] : this.calls.slice(0, -1),
      ended_ms_ago: Math.max(0, endedMsAgo),
    };
  }

  private async send(): Promise<void> {
    void this.write().catch(() => undefined);
    await setImmediately();
  }

  private async write(): Promise<void> {
    const stored: StoredAttempt = {
      v: 1,
      calls: this.calls,
      ...(this.addressOfLast === undefined ? {} : { address: this.addressOfLast }),
    };
    const write = this.store.put(this.ticket.job_id, this.ticket.attempt, stored);
    this.lastWrite = write;
    this.revision = await write;
  }

  private newCall(): BegunCall {
    return { id: randomUUID(), endpoint_id: this.ticket.endpoint_id };
  }
}
