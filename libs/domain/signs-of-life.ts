/**
 * How dispatchers and routers draw conclusions from silence. They do so apart, each by its own clock, so the times stand
 * here side by side: a dispatcher stops to begin what has waited with it well before anybody else may be given it.
 */

/** A dispatcher says so often that it is there. */
export const HEARTBEAT_MS = 1000;

/**
 * A dispatcher whose latest heartbeat that is known to have arrived was sent longer ago than this begins nothing that has
 * waited, unless a router says so. Routers count from a heartbeat's arrival, dispatchers from before it was sent, so what
 * is on its way is on the safe side.
 */
export const DISPATCHER_DOUBT_MS = 3000;

/**
 * A region whose dispatchers were silent for so long is treated as down, and tickets that were not begun are taken back.
 * What is left to it of `DISPATCHER_DOUBT_MS` is for heartbeats that a router is slow to read.
 */
export const REGION_SILENCE_MS = 8000;

/**
 * Whoever works on a ticket and was not heard for so long is gone: another who has it besides may begin. It is also how long a
 * router listens before it concludes anything from silence.
 */
export const HOLDER_SILENCE_MS = 3000;

/**
 * Whether a router would know of whoever else works on a ticket that has come back.
 * @param listeningMs since the router began to hear dispatchers, or hears them again
 * @param issuedMs since the ticket was issued: who has it now was heard by routers that listened all the while
 */
export function wouldBeHeard(listeningMs: number, issuedMs: number): boolean {
  return listeningMs >= HOLDER_SILENCE_MS || issuedMs < listeningMs;
}

/** @param heardMs since the latest heartbeat of which it is known that it arrived was sent */
export function mayBeGivenAway(heardMs: number): boolean {
  return heardMs > DISPATCHER_DOUBT_MS;
}

/** @param silentMs since the latest heartbeat arrived */
export function isRegionDown(silentMs: number): boolean {
  return silentMs >= REGION_SILENCE_MS;
}
