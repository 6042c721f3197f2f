import { backoffMs } from './backoff.js';

/** Why a webhook did not arrive. */
export const WEBHOOK_FAILURE_CODES = [
  /** The URL leads to an address that is not on the Internet. */
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
  readonly maxTries: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/** Fourteen tries over 2 h 40 min on average, 5 h 25 min at the most. */
export const WEBHOOK_RETRY_POLICY: WebhookRetryPolicy = {
  maxTries: 14,
  backoffMs: 10_000,
  backoffMaxMs: 3_600_000,
};

/** Another try would be told the same. */
const FINAL: ReadonlySet<WebhookFailureCode> = new Set(['ADDRESS_REFUSED', 'GONE']);

export type WebhookRetryPlan =
  { readonly kind: 'giveUp' } | { readonly kind: 'retry'; readonly pauseMs: number };

/**
 * @param tries made so far, the one that failed included
 * @param jitter in [0, 1), drawn by the caller
 */
export function planAfterWebhookFailure(
  code: WebhookFailureCode,
  tries: number,
  policy: WebhookRetryPolicy,
  jitter: number,
): WebhookRetryPlan {
  if (FINAL.has(code) || tries >= policy.maxTries) return { kind: 'giveUp' };
  return { kind: 'retry', pauseMs: backoffMs(tries, policy, jitter) };
}
