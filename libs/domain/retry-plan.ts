import { backoffMs, type BackoffPolicy } from './backoff.js';
import { traitsOf, type AttemptErrorCode } from './errors.js';
import type { RegionPolicy } from './job.js';

export interface RetryPolicy extends BackoffPolicy {
  /** Used where the job sets none. */
  readonly maxAttempts: number;
}

/** The attempt that failed and the job it belongs to. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly regionPolicy: RegionPolicy;
  /** Where the attempt ran. */
  readonly region: string;
  /** Regions in which earlier attempts of this job failed since it last changed lanes. */
  readonly failedRegions: readonly string[];
  /** Regions whose endpoints serve the model and are not down or paused. */
  readonly healthyRegions: readonly string[];
  /** Those of them with such an endpoint outside the workspace in which the attempt failed. */
  readonly regionsOutsideWorkspace: readonly string[];
}

export interface Failure {
  readonly code: AttemptErrorCode;
  /** Upstream's `Retry-After`; honoured for a retry in the same region. */
  readonly retryAfterMs?: number;
  /** An earlier attempt of the job ended with the same code. */
  readonly seenBefore?: boolean;
}

export type RetryPlan =
  /** Another attempt in the region of the failure, not before `notBeforeMs` (Unix ms). */
  | { readonly kind: 'retry'; readonly notBeforeMs: number }
  /** Another attempt in any healthy region but these, not before `notBeforeMs` (Unix ms; now, as a rule). */
  | { readonly kind: 'failover'; readonly avoidRegions: readonly string[]; readonly notBeforeMs: number }
  /** No further attempt. */
  | { readonly kind: 'deadLetter'; readonly code: AttemptErrorCode };

/**
 * Plans what follows a failed attempt. The only place in Beacon that decides it.
 * @param nowMs Unix ms
 * @param jitter in [0, 1), drawn by the caller
 * @returns one plan; never throws
 * Source: docs/decisions/0004-retries-and-failover.md
 */
export function planAfterFailure(
  job: FailedAttempt,
  failure: Failure,
  policy: RetryPolicy,
  nowMs: number,
  jitter: number,
): RetryPlan {
  const traits = traitsOf(failure.code);
  const isSpent = traits.once === true && failure.seenBefore === true;
  if (job.attempt >= job.maxAttempts || isSpent) return { kind: 'deadLetter', code: failure.code };
  const waitMs = Math.max(backoffMs(job.attempt, policy, jitter), failure.retryAfterMs ?? 0);
  // A rejected credential says nothing about another provider's endpoints: leaving the workspace may help.
  const worthFailover = traits.retryable || traits.sharedByWorkspace === true;
  if (worthFailover && job.regionPolicy !== 'pin') {
    const reachable = traits.sharedByWorkspace === true ? job.regionsOutsideWorkspace : job.healthyRegions;
    const beyond = job.healthyRegions.filter((region) => !reachable.includes(region));
    const avoidRegions = [...new Set([...job.failedRegions, ...beyond, job.region])];
    const untried = reachable.filter((region) => !avoidRegions.includes(region));
    if (untried.length > 0) return { kind: 'failover', avoidRegions, notBeforeMs: nowMs };
    const otherRegions = reachable.filter((region) => region !== job.region);
    // Every healthy region has failed once. Start over where that may help, but wait: or a fault they share
    // would burn all attempts within milliseconds.
    if (traits.retryable && otherRegions.length > 0) {
      const elsewhere = [...new Set([...beyond, job.region])];
      return { kind: 'failover', avoidRegions: elsewhere, notBeforeMs: nowMs + waitMs };
    }
  }
  if (!traits.retryable) return { kind: 'deadLetter', code: failure.code };
  return { kind: 'retry', notBeforeMs: nowMs + waitMs };
}
