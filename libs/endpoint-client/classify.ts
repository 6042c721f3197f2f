import type { AttemptErrorCode } from '#domain';
import type { CallFailure } from '#contracts';

/** Statuses and bodies of the platform, most specific first. Source: docs/errors.md, "What the platform says". */
const PLATFORM_BODIES: readonly { status: number; text: RegExp; code: AttemptErrorCode }[] = [
  { status: 404, text: /workspace \S+ is disabled/, code: 'WORKSPACE_DISABLED' },
  { status: 404, text: /app for invoked web endpoint is stopped/, code: 'ENDPOINT_STOPPED' },
  { status: 404, text: /modal-http: invalid function call/, code: 'ENDPOINT_NOT_FOUND' },
  { status: 429, text: /spend limit reached/, code: 'SPEND_LIMIT_REACHED' },
  { status: 429, text: /reached pending input queue limit/, code: 'UPSTREAM_QUEUE_FULL' },
  { status: 500, text: /function execution timed out/, code: 'FUNCTION_TIMED_OUT' },
  { status: 500, text: /terminated by signal/, code: 'UPSTREAM_CRASHED' },
  { status: 500, text: /lost track of input/, code: 'INPUT_LOST' },
];

/**
 * Says what a status other than 200 and 303 means, by status and body together: the platform answers 404 and
 * 429 for causes that have nothing in common.
 * @param retryAfter the header's value: seconds or an HTTP date
 * @param nowMs Unix ms, for a date in `retryAfter`
 */
export function classifyStatus(
  status: number,
  body: string,
  retryAfter: string | undefined,
  nowMs: number,
): CallFailure {
  const known = PLATFORM_BODIES.find((entry) => entry.status === status && entry.text.test(body));
  const code = known?.code ?? codeOfStatus(status, body);
  const retryAfterMs = parseRetryAfterMs(retryAfter, nowMs);
  return {
    kind: 'failed',
    code,
    detail: `the endpoint answered ${status}`,
    http_status: status,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  };
}

function codeOfStatus(status: number, body: string): AttemptErrorCode {
  // A 403 of an application may be about this request only, such as a moderated prompt.
  if (status === 401 || (status === 403 && isPlatformText(body))) return 'ENDPOINT_CREDENTIALS_REJECTED';
  if (status === 408) return 'INPUT_UNDELIVERED';
  if (status === 429) return 'RATE_LIMITED';
  // No container is ready, and none is waited for: only some kinds of deployments say so.
  if (status === 503) return 'UPSTREAM_ERROR';
  // The platform's own words, which nobody has explained yet: they may pass, once.
  if (status >= 400 && isPlatformText(body)) return 'UPSTREAM_UNKNOWN';
  if (status === 404) return 'ENDPOINT_NOT_FOUND';
  if (status >= 500) return 'UPSTREAM_ERROR';
  if (status >= 400) return 'REQUEST_REJECTED';
  return 'RESPONSE_INVALID';
}

/** Modal's front speaks, not the application behind it. */
export function isPlatformText(body: string): boolean {
  return body.includes('modal-http:');
}

const RETRY_AFTER_MAX_MS = 600_000;

function parseRetryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined || value === '') return undefined;
  const seconds = Number(value);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - nowMs;
  if (!Number.isFinite(waitMs)) return undefined;
  return Math.round(Math.min(RETRY_AFTER_MAX_MS, Math.max(0, waitMs)));
}
