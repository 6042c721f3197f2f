import type { Clock } from '../clock/clock.js';
import type { Call } from '../simulation/call.js';

/** One spawned call, for as long as its result can be read. */
export interface Job {
  readonly call: Call;
  /** The caller's idempotency key. */
  readonly key: string | undefined;
  readonly scopedKey: string | undefined;
  /** Simulated ms; absent while it has not ended. */
  endedMs: number | undefined;
}

/**
 * Rule 26: the calls that were spawned, by id and by idempotency key. Keys are the gateway's doing, so they count within
 * its region. Expired jobs are let go of when somebody looks, which needs no timer per job; their ids stay known.
 */
export class JobBook {
  readonly #jobs = new Map<string, Job>();
  readonly #byKey = new Map<string, Job>();
  /** In the order they ended, which is the order they expire in. */
  readonly #ended = new Set<Job>();
  readonly #expired = new Set<string>();

  /** @param keptS simulated seconds a result can be read */
  constructor(
    private readonly clock: Clock,
    private readonly keptS: number,
  ) {}

  add(call: Call, region: string): Job {
    const scopedKey = call.key === undefined ? undefined : scoped(region, call.key);
    const job: Job = { call, key: call.key, scopedKey, endedMs: undefined };
    this.#jobs.set(call.id, job);
    if (scopedKey !== undefined) this.#byKey.set(scopedKey, job);
    return job;
  }

  ended(job: Job): void {
    job.endedMs = this.clock.now();
    this.#ended.add(job);
  }

  /** @returns the job that has the key, unless it expired */
  withKey(region: string, key: string | undefined): Job | undefined {
    if (key === undefined) return undefined;
    this.#expire();
    return this.#byKey.get(scoped(region, key));
  }

  find(callId: string): Job | 'expired' | undefined {
    this.#expire();
    return this.#expired.has(callId) ? 'expired' : this.#jobs.get(callId);
  }

  #expire(): void {
    const expiredMs = this.clock.now() - this.keptS * 1000;
    for (const job of this.#ended) {
      if (job.endedMs === undefined || job.endedMs > expiredMs) return;
      this.#ended.delete(job);
      this.#jobs.delete(job.call.id);
      this.#expired.add(job.call.id);
      if (job.scopedKey !== undefined) this.#byKey.delete(job.scopedKey);
    }
  }
}

function scoped(region: string, key: string): string {
  return `${region}/${key}`;
}
