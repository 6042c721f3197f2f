/** A process that was killed, and when: ms of `performance.now()`. */
export interface Kill {
  readonly victim: string;
  readonly killedAtMs: number;
  /** Its successor accepts work. */
  readonly backAtMs: number;
}

/** What a dispatcher sends less than this before NATS dies may not have arrived. */
const UNHEARD_MS = 1000;
/** So long after NATS is back a dispatcher may not have found it yet. */
const RECONNECT_MS = 3000;

/**
 * What a dispatcher says of a call that it begins dies with it where NATS is away at the same time.
 * @returns how many calls there may be of which nobody knows: one for each dispatcher that was killed then
 */
export function unknownCallsMaxOf(kills: readonly Kill[]): number {
  const outages = kills.filter(({ victim }) => victim === 'nats');
  return kills.filter(
    ({ victim, killedAtMs }) =>
      victim.startsWith('dispatcher-') &&
      outages.some(
        (nats) => killedAtMs > nats.killedAtMs - UNHEARD_MS && killedAtMs < nats.backAtMs + RECONNECT_MS,
      ),
  ).length;
}
