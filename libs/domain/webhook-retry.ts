/** Why a webhook did not arrive. */
export const WEBHOOK_FAILURE_CODES = [
  /** The URL leads to an address that it may not lead to. */
  'ADDRESS_REFUSED',
  'NAME_NOT_RESOLVED',
  /** No connection, a broken one, or TLS that does not hold. */
  'UNREACHABLE',
  'TIMED_OUT',
  /** Redirects are not followed. */
  'REDIRECTED',
  /** 4xx. */
  'REFUSED',
  /** 410: the receiver wants no more. */
  'GONE',
  /** 5xx. */
  'RECEIVER_ERROR',
] as const;
export type WebhookFailureCode = (typeof WEBHOOK_FAILURE_CODES)[number];

export interface WebhookRetryPolicy {
  /** Least pause after each try; nothing follows the try after the last. */
  readonly pausesMs: readonly number[];
  /** Each pause is up to this part of itself longer, so that what failed together is not sent again together. */
  readonly spread: number;
  /** Longest `Retry-After` that is heeded. */
  readonly retryAfterMaxMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** 17 tries. The last comes 24 h after the first at the least, and 28 h 48 min at the most. */
export const WEBHOOK_RETRY_POLICY: WebhookRetryPolicy = {
  pausesMs: [
    ...[5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 37.5 * MINUTE_MS],
    ...[HOUR_MS, HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 3 * HOUR_MS, 3 * HOUR_MS],
    ...[3 * HOUR_MS, 3 * HOUR_MS],
  ],
  spread: 0.2,
  retryAfterMaxMs: 6 * HOUR_MS,
};

/** Another try would be told the same. */
const FINAL: ReadonlySet<WebhookFailureCode> = new Set(['ADDRESS_REFUSED', 'GONE']);

export type WebhookRetryPlan =
  { readonly kind: 'giveUp' } | { readonly kind: 'retry'; readonly pauseMs: number };

/**
 * @param tries made since it was queued, or was last sent again by hand; the one that failed included
 * @param retryAfterMs what the receiver asked for; null: nothing
 * @param jitter in [0, 1), drawn by the caller
 */
export function planAfterWebhookFailure(
  code: WebhookFailureCode,
  tries: number,
  retryAfterMs: number | null,
  { pausesMs, spread, retryAfterMaxMs }: WebhookRetryPolicy,
  jitter: number,
): WebhookRetryPlan {
  const leastMs = pausesMs[tries - 1];
  if (FINAL.has(code) || leastMs === undefined) return { kind: 'giveUp' };
  const askedMs = Math.min(retryAfterMs ?? 0, retryAfterMaxMs);
  return { kind: 'retry', pauseMs: Math.floor(Math.max(leastMs, askedMs) * (1 + spread * jitter)) };
}
