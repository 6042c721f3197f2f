import { backoffMs, type BackoffPolicy } from '../backoff.js';
import { ATTEMPT_ERRORS } from '../errors.js';

export interface CellRetryPolicy extends BackoffPolicy {
  /** Jobs one cell may have. */
  readonly maxCellAttempts: number;
}

/** A cell's job has already been retried and failed over by the router, so a new one waits a while. */
export const CELL_RETRY_POLICY: CellRetryPolicy = {
  maxCellAttempts: 3,
  backoffMs: 4000,
  backoffMaxMs: 60_000,
};

export type CellFailurePlan =
  { readonly kind: 'resubmit'; readonly pauseMs: number } | { readonly kind: 'fail'; readonly code: string };

/**
 * Plans what follows when a cell's job ended without an answer.
 * @param cellAttempt the one that just failed, from 1
 * @param code the job's error code; one that is not an attempt's is final
 * @param jitter in [0, 1), drawn by the caller
 */
export function planAfterCellFailure(
  cellAttempt: number,
  code: string,
  policy: CellRetryPolicy,
  jitter: number,
): CellFailurePlan {
  if (cellAttempt >= policy.maxCellAttempts || !isRetryable(code)) return { kind: 'fail', code };
  // Equal jitter: at least half of the window passes, because the router has been retrying for a while.
  return { kind: 'resubmit', pauseMs: backoffMs(cellAttempt, policy, 0.5 + jitter / 2) };
}

function isRetryable(code: string): boolean {
  return Object.hasOwn(ATTEMPT_ERRORS, code) && ATTEMPT_ERRORS[code as keyof typeof ATTEMPT_ERRORS].retryable;
}
