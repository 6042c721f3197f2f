/** Same-region backoff. Source: docs/decisions/0004-retries-and-failover.md */
export interface BackoffPolicy {
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/**
 * Full jitter: a uniform draw from [0, min(cap, base * 2^(attempt-1))), which spreads a burst of failures
 * over the whole window instead of synchronising their retries.
 * @param attempt the attempt that just failed, from 1
 * @param jitter in [0, 1), drawn by the caller
 * @returns milliseconds to wait
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, jitter: number): number {
  const ceilingMs = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** Math.min(attempt - 1, 30));
  return Math.floor(ceilingMs * jitter);
}
