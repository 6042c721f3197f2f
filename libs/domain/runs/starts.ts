import type { OpenCall } from './open-call.js';
import type { CostRate, EndpointSpending } from './spending.js';

/**
 * The start of a call is known by its first sign of life. It is given at once, and again with every second, so that one
 * may be lost.
 */
const SIGN_MS = 2000;

/** Calls of one region and model, as seen from an endpoint that may answer them. */
interface CallsAt {
  readonly rate: CostRate;
  /** Of the region and model. */
  readonly calls: readonly OpenCall[];
  /** Of the whole run, those that run. */
  readonly allRunning: readonly OpenCall[];
  readonly spending: readonly EndpointSpending[];
  /** How long a call may take to begin. */
  readonly gapMs: number;
  readonly nowMs: number;
}

/** What becomes of the run's container at an endpoint before the next of these calls. */
export interface Idle {
  /** Idle time that has come about, without the gap of a call that has not begun; null: no container is warm, or may be by then. */
  readonly ms: number | null;
  /** One of these calls runs there. */
  readonly isRunning: boolean;
}

/**
 * How long an endpoint's container of the run has idled before the next of these calls begins, as far as it is past.
 * A call that should have begun and has not waits for nobody knows what: the container may be gone when it does begin.
 */
export function idleBefore({ rate, calls, allRunning, spending, gapMs, nowMs }: CallsAt): Idle {
  const startsOf = (some: readonly OpenCall[]): number[] =>
    some.flatMap(({ running }) => (running?.endpointId === rate.endpointId ? [running.startMs] : []));
  const starts = startsOf(calls);
  const isRunning = starts.length > 0;
  const { endpointId, scaledownWindowMs: windowMs } = rate;
  const lastEndMs = spending.find((each) => each.endpointId === endpointId)?.lastEndMs ?? null;
  if (lastEndMs === null) return { ms: null, isRunning };
  if (isRunning) {
    const ms = Math.max(0, Math.min(...starts) - lastEndMs);
    return { ms: ms < windowMs ? ms : null, isRunning };
  }
  // The call of another model has ended the idle time, and is charged with it.
  if (startsOf(allRunning).length > 0) return { ms: 0, isRunning };
  const waiting = calls.filter(({ running, callsLeft }) => running === null && callsLeft > 0);
  const dueMs = Math.max(lastEndMs, Math.min(nowMs, ...waiting.map(({ decidedMs }) => decidedMs))) + gapMs;
  const isBusyElsewhere = calls.some(({ running }) => running !== null);
  if (!isBusyElsewhere && nowMs > dueMs + SIGN_MS) return { ms: null, isRunning };
  const endsMs = isBusyElsewhere ? nowMs + gapMs : Math.max(nowMs, dueMs);
  return { ms: endsMs - lastEndMs < windowMs ? endsMs - gapMs - lastEndMs : null, isRunning };
}

/** Calls that have not begun, by what they wait for. */
export interface Starts {
  /** Those that may begin now. */
  readonly next: number;
  /** Those that their jobs make only where the one before has failed. */
  readonly later: number;
  readonly gapMs: number;
  readonly laterGapMs: number;
}

/**
 * How many starts may be cold, and for how long containers idle before the others. Where a gap may last as long as a
 * scale-down window, the container may be gone at each start.
 * @param coldEndpoints those without a warm container, whose first start is cold
 * @param windowsMs of all endpoints that may answer
 */
export function reckonStarts(
  { next, later, gapMs, laterGapMs }: Starts,
  coldEndpoints: number,
  windowsMs: readonly number[],
): { readonly cold: number; readonly gapsMs: number } {
  const shortestMs = Math.min(...windowsMs);
  const coldNext = gapMs >= shortestMs ? next : 0;
  const coldLater = laterGapMs >= shortestMs ? later : 0;
  const cold = Math.min(next + later, Math.max(coldEndpoints, coldNext + coldLater));
  // Of those that are not cold, as many as may be are of the longer gap.
  const warmLater = Math.min(later - coldLater, next + later - cold);
  const warmNext = next + later - cold - warmLater;
  return { cold, gapsMs: warmNext * gapMs + warmLater * laterGapMs };
}
