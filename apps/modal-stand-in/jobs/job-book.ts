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
 * Rule 26: the calls that were spawned, by id and by idempotency key. Keys and records are the
 * gateway's doing, so both are known within its region only. Expired jobs are let go of when somebody looks, which needs no timer per job; their ids stay known.
 */
export class JobBook {
  readonly #jobs = new Map<string, Job>();
  readonly #byKey = new Map<string, Job>();
  /** In the order they ended, which is the order they expire in. */
  readonly #ended = new Set<Job>();
  /** Regions by call id. */
  readonly #expired = new Map<string, string>();

  /** @param keptS simulated seconds a result can be read */
  constructor(
    private readonly clock: Clock,
    private readonly keptS: number,
  ) {}

  add(call: Call): Job {
    const scopedKey = call.key === undefined ? undefined : scoped(call.endpoint.region, call.key);
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

  /** @returns the job, if it was spawned in that region */
  find(region: string, callId: string): Job | 'expired' | undefined {
    this.#expire();
    if (this.#expired.get(callId) === region) return 'expired';
    const job = this.#jobs.get(callId);
    return job?.call.endpoint.region === region ? job : undefined;
  }

  #expire(): void {
    const expiredMs = this.clock.now() - this.keptS * 1000;
    for (const job of this.#ended) {
      if (job.endedMs === undefined || job.endedMs > expiredMs) return;
      this.#ended.delete(job);
      this.#jobs.delete(job.call.id);
      this.#expired.set(job.call.id, job.call.endpoint.region);
      if (job.scopedKey !== undefined) this.#byKey.delete(job.scopedKey);
    }
  }
}

function scoped(region: string, key: string): string {
  return `${region}/${key}`;
}
