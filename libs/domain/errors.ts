/**
 * The closed set of error codes. A code never changes meaning; callers branch on it and never on text.
 *
 * `retryable`: may another attempt of the same job succeed?
 * `scope`: what the failure says something about. It decides where the next attempt may go:
 *   - `request`: this job's own content; another endpoint would fail alike
 *   - `call`: this one call only; nothing is said about the endpoint's health
 *   - `endpoint`: the endpoint is not serving; its breaker counts it
 *   - `workspace`: every endpoint of the provider's workspace is affected
 * Source: docs/errors.md (a test compares the two, both ways).
 */
export type FailureScope = 'request' | 'call' | 'endpoint' | 'workspace';

interface ErrorTraits {
  readonly retryable: boolean;
  readonly scope: FailureScope;
  /** One more attempt may succeed; a job that meets the code again is over. */
  readonly once?: true;
  /** Says all there is to know about the endpoint: its breaker opens at the first one. */
  readonly conclusive?: true;
  /** The other endpoints of the same workspace would fail alike, so only an endpoint outside it may help. */
  readonly sharedByWorkspace?: true;
}

const retryable = (scope: FailureScope): ErrorTraits => ({ retryable: true, scope });
const once = (scope: FailureScope): ErrorTraits => ({ retryable: true, scope, once: true });
const terminal = (scope: FailureScope): ErrorTraits => ({ retryable: false, scope });
const conclusive = (traits: ErrorTraits): ErrorTraits => ({ ...traits, conclusive: true });
const workspaceWide = (traits: ErrorTraits): ErrorTraits => ({
  ...conclusive(traits),
  sharedByWorkspace: true,
});

/** Codes an attempt can end with; `job.error` carries the last one. */
export const ATTEMPT_ERRORS = {
  ENDPOINT_UNREACHABLE: retryable('endpoint'),
  CONNECTION_LOST: retryable('endpoint'),
  EXECUTION_TIMEOUT: retryable('endpoint'),
  RATE_LIMITED: retryable('call'),
  UPSTREAM_QUEUE_FULL: retryable('endpoint'),
  UPSTREAM_ERROR: retryable('endpoint'),
  UPSTREAM_UNKNOWN: once('endpoint'),
  UPSTREAM_CRASHED: retryable('endpoint'),
  INPUT_LOST: retryable('call'),
  INPUT_UNDELIVERED: once('call'),
  RESPONSE_INVALID: retryable('endpoint'),
  REGION_MISMATCH: retryable('endpoint'),
  ENDPOINT_STOPPED: conclusive(retryable('endpoint')),
  ENDPOINT_NOT_FOUND: conclusive(retryable('endpoint')),
  WORKSPACE_DISABLED: workspaceWide(retryable('workspace')),
  SPEND_LIMIT_REACHED: workspaceWide(retryable('workspace')),
  ATTEMPT_LOST: retryable('call'),
  ENDPOINT_CREDENTIALS_REJECTED: workspaceWide(terminal('endpoint')),
  FUNCTION_TIMED_OUT: terminal('request'),
  REQUEST_REJECTED: terminal('request'),
  MODEL_ERROR: terminal('request'),
  RESPONSE_TOO_LARGE: terminal('request'),
  CALL_CANCELLED: terminal('request'),
  POISON_SUSPECTED: terminal('request'),
} as const satisfies Record<string, ErrorTraits>;

/** Codes that end a job without an attempt of their own. */
export const JOB_ERRORS = {
  DEADLINE_EXCEEDED: terminal('request'),
} as const satisfies Record<string, ErrorTraits>;

/** Codes that end a run's cell without a job of its own. */
const CELL_ERRORS = {
  BUDGET_REACHED: terminal('request'),
} as const satisfies Record<string, ErrorTraits>;

/** Codes of refused HTTP requests. */
export const REQUEST_ERRORS = [
  'VALIDATION_FAILED',
  'MALFORMED_JSON',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNKNOWN_MODEL',
  'UNKNOWN_REGION',
  'UNKNOWN_ENDPOINT',
  'UNKNOWN_SETTING',
  'CHANGE_NOT_FOUND',
  'CHANGE_SUPERSEDED',
  'NOT_CONTROLLABLE',
  'MODEL_NOT_IN_REGION',
  'IDEMPOTENCY_KEY_REUSED',
  'JOB_NOT_FOUND',
  'JOB_FINISHED',
  'JOB_NOT_FINISHED',
  'DEAD_LETTER_NOT_FOUND',
  'DEAD_LETTER_DISCARDED',
  'DEAD_LETTER_REDRIVEN',
  'JOB_OF_RUN',
  'CONTENT_ERASED',
  'RUN_NOT_FOUND',
  'RUN_FINISHED',
  'RUN_NOT_FINISHED',
  'UNKNOWN_TASK_TYPE',
  'TASKS_NOT_CONFIGURED',
  'TASK_NOT_FOUND',
  'TASK_FINISHED',
  'FILE_NOT_FOUND',
  'FILE_IN_USE',
  'FILE_STORAGE_FULL',
  'BATCH_NOT_FOUND',
  'BATCH_FINISHED',
  'BATCH_NOT_FINISHED',
  'GATE_NOT_FOUND',
  'GATE_DECIDED',
  'CALLBACK_REFUSED',
  'WEBHOOK_NOT_FOUND',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMIT_REACHED',
  'QUEUE_FULL',
  'BUDGET_EXHAUSTED',
  'KEYS_NOT_IN_FORCE',
  'KEY_NOT_FOUND',
  'KEY_ENDED',
  'KEY_IN_FILE',
  'TOO_MANY_STREAMS',
  'ROUTE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'REQUEST_INVALID',
  'DATABASE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'INTERNAL_ERROR',
] as const;

export type AttemptErrorCode = keyof typeof ATTEMPT_ERRORS;
export type JobErrorCode = keyof typeof JOB_ERRORS;
export type CellErrorCode = keyof typeof CELL_ERRORS;
export type RequestErrorCode = (typeof REQUEST_ERRORS)[number];
export type ErrorCode = AttemptErrorCode | JobErrorCode | CellErrorCode | RequestErrorCode;

export const ATTEMPT_ERROR_CODES = Object.keys(ATTEMPT_ERRORS) as readonly AttemptErrorCode[];
export const JOB_ERROR_CODES = Object.keys(JOB_ERRORS) as readonly JobErrorCode[];

export const CELL_ERROR_CODES = Object.keys(CELL_ERRORS) as readonly CellErrorCode[];

/** Traits of an attempt's error code. */
export function traitsOf(code: AttemptErrorCode): ErrorTraits {
  return ATTEMPT_ERRORS[code];
}
