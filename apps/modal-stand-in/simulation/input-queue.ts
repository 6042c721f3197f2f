import type { Call } from './call.js';

/** Below this many entries, the cost of dropping dead ones is not worth a thought. */
const SWEEP_FROM = 1024;

/**
 * Rule 7: first come, first served. Cancelled calls are skipped when their turn comes and swept out once they
 * are the majority, so cancelling costs nothing and a blocked endpoint's queue cannot grow for ever.
 */
export class InputQueue {
  /** Rescheduled inputs: older than anything in the queue. Last one goes first. */
  readonly #returned: Call[] = [];
  #entries: Call[] = [];
  #head = 0;
  #length = 0;
  #spawned = 0;

  /** Calls that still wait. */
  get length(): number {
    return this.#length;
  }

  /** Rule 26: those among them that were spawned; they have limits of their own. */
  get spawned(): number {
    return this.#spawned;
  }

  push(call: Call): void {
    this.#entries.push(call);
    this.#count(call, 1);
  }

  /** Puts a call that was running back to the front. */
  unshift(call: Call): void {
    this.#returned.push(call);
    this.#count(call, 1);
  }

  /** The caller has set the call's state to `ended`. */
  cancelled(call: Call): void {
    this.#count(call, -1);
    if (
      this.#entries.length - this.#head > SWEEP_FROM &&
      this.#length * 2 < this.#entries.length - this.#head
    ) {
      this.#entries = this.#entries.slice(this.#head).filter(({ state }) => state === 'queued');
      this.#head = 0;
    }
  }

  shift(): Call | undefined {
    for (let call = this.#returned.pop(); call !== undefined; call = this.#returned.pop()) {
      if (call.state === 'queued') return this.#taken(call);
    }
    while (this.#head < this.#entries.length) {
      const call = this.#entries[this.#head];
      this.#head += 1;
      if (call?.state === 'queued') return this.#taken(call);
    }
    return undefined;
  }

  #count({ isSpawned }: Call, change: 1 | -1): void {
    this.#length += change;
    if (isSpawned) this.#spawned += change;
  }

  #taken(call: Call): Call {
    this.#count(call, -1);
    if (this.#head > SWEEP_FROM && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return call;
  }
}
