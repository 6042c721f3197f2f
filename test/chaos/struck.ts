/** A process that was killed, and when; ms on one clock. */
export interface Struck {
  readonly victim: string;
  readonly killedMs: number;
  /** Its successor accepts work. */
  readonly backMs: number;
}

/** So long before NATS was killed what it had been told may have been on its way, and so long after it came back. */
const BEFORE_MS = 1000;
const AFTER_MS = 3000;

/**
 * What a dispatcher says of a call that it begins dies with it where NATS is away at the same time.
 * @returns how many calls there may be of which nobody knows: one for each dispatcher that was killed then
 */
export function notesLost(struck: readonly Struck[]): number {
  const outages = struck.filter(({ victim }) => victim === 'nats');
  return struck.filter(
    ({ victim, killedMs }) =>
      victim.startsWith('dispatcher-') &&
      outages.some((nats) => killedMs > nats.killedMs - BEFORE_MS && killedMs < nats.backMs + AFTER_MS),
  ).length;
}
