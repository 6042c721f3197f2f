import type { AttemptCalls, Outcome } from '#contracts';
import type { CalledJob } from '#persistence';

/** Whole Unix ms of the database. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Nobody saw it end. */
  readonly isEstimated: boolean;
}

/** When the call that ended was in flight, and when those before it were, of which nobody reported. */
export interface CallTimes {
  readonly own: Span;
  /** Of the earlier calls together: which of them took how much of it is not known. */
  readonly earlier: Span;
}

/** No call may take longer: a longer one is a fault of whoever measured it. */
const LONGEST_MS = 24 * 3600 * 1000;

/**
 * Workers' clocks are not trusted: a dispatcher says how long a call took, and how long ago it ended; a slot says when the
 * router heard of its start. A holder that fell silent is taken to have worked until its last sign of life: the platform
 * ends a call whose caller is gone.
 */
export function callTimes(
  outcome: Outcome,
  calls: AttemptCalls,
  job: CalledJob | undefined,
  nowMs: number,
): CallTimes {
  const { reattached, epoch, result } = outcome;
  const durationMs = Math.min(LONGEST_MS, outcome.duration_ms);
  const slot = job?.slotEpoch === epoch ? job : undefined;
  const startedMs = slot?.startedMs ?? null;
  const firstMs = slot?.firstBeganMs ?? startedMs;
  const isLost = result.kind === 'failed' && result.code === 'ATTEMPT_LOST';
  const isAlone = startedMs !== null && !reattached && calls.earlier.length === 0;
  let untilMs = nowMs - calls.ended_ms_ago;
  if (isAlone) untilMs = Math.min(untilMs, startedMs + durationMs);
  if (isLost) untilMs = Math.min(untilMs, slot?.seenMs ?? slot?.leftMs ?? untilMs);
  const beganMs = isLost ? (firstMs ?? untilMs - durationMs) : untilMs - durationMs;
  const fromMs = Math.min(untilMs, reattached ? Math.min(beganMs, firstMs ?? beganMs) : beganMs);
  const own = { fromMs: Math.round(fromMs), untilMs: Math.round(untilMs), isEstimated: isLost };
  // Without a call of its own the outcome is but word of the earlier ones.
  const nextMs = calls.id === null ? Math.round(nowMs) : own.fromMs;
  const earlierFromMs = Math.min(Math.round(firstMs ?? nextMs), nextMs);
  const leftMs = Math.round(slot?.leftMs ?? slot?.seenMs ?? nextMs);
  const earlier = {
    fromMs: earlierFromMs,
    untilMs: Math.max(earlierFromMs, Math.min(leftMs, nextMs)),
    isEstimated: true,
  };
  return { own, earlier };
}
