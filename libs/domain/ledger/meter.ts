import { startsNoContainer } from '../endpoint.js';
import type { AttemptErrorCode } from '../errors.js';

/**
 * What has been charged of the time for which an endpoint's container holds its GPU. Times are whole Unix ms of the
 * database. A session is one life of the container as far as calls show it: calls, and idle time between them.
 */
export interface Meter {
  /** What lies before belongs to earlier sessions. */
  readonly closedUntilMs: number;
  /** All of the session is charged, from here */
  readonly sessionFromMs: number;
  /** to here. */
  readonly chargedUntilMs: number;
  /** The call that left the container idle; null: no container is known of. */
  readonly idleOf: string | null;
  /** Whether a container is sure to be there. One that booted for a caller who went away may have gone with it. */
  readonly isIdleCertain: boolean;
}

export const FRESH_METER: Meter = {
  closedUntilMs: 0,
  sessionFromMs: 0,
  chargedUntilMs: 0,
  idleOf: null,
  isIdleCertain: false,
};

/** A call that had a container, or waited for one. */
export interface MeteredCall {
  readonly callId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** What became of the container: it idles now, it died, or the call ended before anybody heard of one. */
  readonly after: 'idle' | 'gone' | 'unknown';
  /** It met a container that was there already; null: nobody knows. */
  readonly wasWarm: boolean | null;
}

/** Idle time, to be charged to the call that left it behind. */
export interface IdleTime {
  readonly callId: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Charge {
  readonly meter: Meter;
  /** Of the call itself: time that no other call of the container has been charged with. */
  readonly gpuMs: number;
  readonly idle: IdleTime | null;
}

/** How a call ended. */
export interface CallEnd {
  readonly kind: 'succeeded' | 'failed' | 'cancelled' | 'orphaned';
  /** null: it did not fail. */
  readonly code: AttemptErrorCode | null;
}

/** Failures that a container itself reported: it is there. */
const FROM_CONTAINER: ReadonlySet<AttemptErrorCode> = new Set<AttemptErrorCode>([
  'MODEL_ERROR',
  'REGION_MISMATCH',
  'RESPONSE_INVALID',
  'RESPONSE_TOO_LARGE',
]);

/** @returns what a call's end says about its container; `none`: it was refused before any was asked for */
export function containerAfter({ kind, code }: CallEnd): MeteredCall['after'] | 'none' {
  if (kind === 'succeeded') return 'idle';
  if (code === null) return 'unknown';
  if (startsNoContainer(code)) return 'none';
  if (code === 'UPSTREAM_CRASHED') return 'gone';
  return FROM_CONTAINER.has(code) ? 'idle' : 'unknown';
}

/**
 * Charges a call with its own time, less what overlapping calls were charged with, and the call before it with the idle
 * time in between. Calls come in the order in which they ended. A container is taken to be alone at its endpoint, as
 * admission takes it; a call that spans several sessions is charged from the end of the last but one.
 * @param idleUntilMs how long the container would have idled after the call before: the end of its window, or its release
 */
export function chargeCall(meter: Meter, call: MeteredCall, idleUntilMs: number): Charge {
  const { startMs, endMs } = call;
  const isGap = startMs > meter.chargedUntilMs;
  const isThere = meter.idleOf !== null && (meter.isIdleCertain || call.wasWarm === true);
  const idleEndMs = isThere
    ? Math.min(startMs, Math.max(idleUntilMs, meter.chargedUntilMs))
    : meter.chargedUntilMs;
  const idle = isGap ? idleOf(meter, idleEndMs) : null;
  const continues = !isGap || (idle !== null && idleEndMs === startMs);
  const session = continues
    ? { ...meter, chargedUntilMs: isGap ? startMs : meter.chargedUntilMs }
    : {
        ...meter,
        closedUntilMs: Math.max(meter.closedUntilMs, idleEndMs),
        sessionFromMs: startMs,
        chargedUntilMs: startMs,
      };
  const fromMs = Math.max(startMs, session.closedUntilMs);
  const beforeMs = Math.max(0, Math.min(endMs, session.sessionFromMs) - fromMs);
  const afterMs = Math.max(0, endMs - Math.max(session.chargedUntilMs, fromMs));
  const isLast = endMs >= session.chargedUntilMs;
  const left =
    call.after === 'gone'
      ? { idleOf: null, isIdleCertain: false }
      : { idleOf: call.callId, isIdleCertain: call.after === 'idle' || continues || call.wasWarm === true };
  return {
    meter: {
      ...session,
      sessionFromMs: Math.min(session.sessionFromMs, fromMs),
      chargedUntilMs: Math.max(session.chargedUntilMs, endMs),
      ...(isLast ? left : {}),
    },
    gpuMs: beforeMs + afterMs,
    idle,
  };
}

/** The window has passed, or the container was released, and no call came: the last one is charged with its tail. */
export function chargeTail(meter: Meter, idleUntilMs: number): Pick<Charge, 'meter' | 'idle'> {
  const idle = meter.isIdleCertain ? idleOf(meter, idleUntilMs) : null;
  const untilMs = idle?.untilMs ?? meter.chargedUntilMs;
  return {
    idle,
    meter: {
      closedUntilMs: untilMs,
      sessionFromMs: untilMs,
      chargedUntilMs: untilMs,
      idleOf: null,
      isIdleCertain: false,
    },
  };
}

function idleOf({ idleOf: callId, chargedUntilMs: fromMs }: Meter, untilMs: number): IdleTime | null {
  return callId === null || untilMs <= fromMs ? null : { callId, fromMs, untilMs };
}

/**
 * Splits a call's GPU time. What a container did before it began to answer is its cold start, where the endpoint says that
 * there was one and how long it worked; otherwise all counts as work.
 */
export function splitGpuMs(
  gpuMs: number,
  coldStart: boolean | null,
  inferenceMs: number | null,
): { readonly coldStartMs: number; readonly busyMs: number } {
  const coldStartMs =
    coldStart === true && inferenceMs !== null ? Math.max(0, gpuMs - Math.round(inferenceMs)) : 0;
  return { coldStartMs, busyMs: gpuMs - coldStartMs };
}
