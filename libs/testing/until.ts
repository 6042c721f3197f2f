import { setTimeout as wait } from 'node:timers/promises';

/** Between two looks: a tenth of what was waited. Specs wait most of their time, and who looks keeps others from their work. */
const POLL_SHARE = 0.1;
const POLL_MIN_MS = 10;
const POLL_MAX_MS = 100;
/** Nothing is quick because of it: it ends a hang, below the limit of a test, which would not say what was waited for. */
const LIMIT_MS = 150_000;

/**
 * Polls until `probe` gives something other than `undefined`, `null` or `false`.
 * @throws naming `what` where the deadline passes first, with the latest failure of the probe as the cause
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = LIMIT_MS,
): Promise<Exclude<T, undefined | null | false>> {
  const beganMs = performance.now();
  for (;;) {
    let cause: unknown;
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false)
        return found as Exclude<T, undefined | null | false>;
    } catch (error) {
      cause = error;
    }
    const waitedMs = performance.now() - beganMs;
    if (waitedMs > timeoutMs)
      throw new Error(`not within ${timeoutMs} ms: ${what}`, cause === undefined ? {} : { cause });
    await wait(Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, waitedMs * POLL_SHARE)));
  }
}
