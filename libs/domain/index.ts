export {
  ATTEMPT_ERRORS,
  ATTEMPT_ERROR_CODES,
  JOB_ERRORS,
  JOB_ERROR_CODES,
  REQUEST_ERRORS,
  traitsOf,
  type AttemptErrorCode,
  type ErrorCode,
  type FailureScope,
  type JobErrorCode,
  type RequestErrorCode,
} from './errors.js';
export {
  JOB_STATES,
  PRIORITIES,
  REGION_POLICIES,
  TERMINAL_STATES,
  isTerminal,
  statusOf,
  type AttemptStatus,
  type JobState,
  type JobStatus,
  type Priority,
  type RegionPolicy,
  type TerminalState,
} from './job.js';
export { arrows, nextState, type JobEvent } from './lifecycle.js';
export { backoffMs, type BackoffPolicy } from './backoff.js';
export {
  planAfterFailure,
  type FailedAttempt,
  type Failure,
  type RetryPlan,
  type RetryPolicy,
} from './retry-plan.js';
