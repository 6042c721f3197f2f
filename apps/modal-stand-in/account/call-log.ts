import type { Outcome } from '../simulation/simulation-event.js';

/** One call as the account saw it. Times are Unix ms; `…S` are simulated seconds. */
export interface CallRecord {
  readonly callId: string;
  readonly endpointId: string;
  /** `spawn`: a job of the job routes. */
  readonly kind: 'call' | 'spawn';
  readonly key: string | undefined;
  readonly model: string;
  readonly faultIds: readonly string[];
  readonly receivedWallMs: number;
  startedWallMs: number | undefined;
  finishedWallMs: number | undefined;
  readonly receivedMs: number;
  startedMs: number | undefined;
  finishedMs: number | undefined;
  /** Runs begun; more than one after a preemption. */
  runs: number;
  containerId: string | undefined;
  coldStart: boolean;
  redirects: number;
  resultRequests: number;
  polls: number;
  /** Spawns that were answered with this call, because it has their idempotency key. */
  spawnRepeats: number;
  hungUp: boolean;
  /** Absent while it is in flight. */
  outcome: Outcome | undefined;
}

/** The latest calls, in the order they came; older ones are overwritten. */
export class CallLog {
  #records: CallRecord[] = [];
  #next = 0;
  #dropped = 0;

  /** @param kept most calls remembered */
  constructor(private readonly kept: number) {}

  get dropped(): number {
    return this.#dropped;
  }

  add(record: CallRecord): void {
    if (this.#records.length < this.kept) {
      this.#records.push(record);
      return;
    }
    this.#dropped += 1;
    if (this.kept === 0) return;
    this.#records[this.#next] = record;
    this.#next = (this.#next + 1) % this.kept;
  }

  /** Oldest first. */
  all(): CallRecord[] {
    return [...this.#records.slice(this.#next), ...this.#records.slice(0, this.#next)];
  }

  clear(): void {
    this.#records = [];
    this.#next = 0;
    this.#dropped = 0;
  }
}
