/** A pending callback; cancelling one that already ran does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the simulation knows it. Everything below the HTTP edge counts in simulated milliseconds, so the
 * time scale lives in one place.
 */
export interface Clock {
  /** Simulated ms since the clock was made; never goes back. */
  now(): number;
  /** Unix ms, for records that are compared with other processes' records. */
  wallMs(): number;
  /** Runs `callback` after `delayMs` simulated ms, never synchronously. */
  schedule(delayMs: number, callback: () => void): Timer;
}

/** Longest delay `setTimeout` takes; a longer one would fire at once. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** Real time, multiplied: with a scale of 60 a simulated minute takes a second. */
export class ScaledClock implements Clock {
  readonly #startedMs = performance.now();

  /** @param timeScale simulated seconds per real second, above 0 */
  constructor(readonly timeScale: number) {}

  now(): number {
    return (performance.now() - this.#startedMs) * this.timeScale;
  }

  wallMs(): number {
    return Date.now();
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const realMs = delayMs / this.timeScale;
    // `setTimeout` rounds up to 1 ms, which would cap a benchmark at 1,000 sequential calls per second.
    if (realMs < 1) {
      const immediate = setImmediate(callback);
      return { cancel: () => clearImmediate(immediate) };
    }
    // Unreferenced: pending simulation must not keep a process alive whose server was closed.
    const timeout = setTimeout(callback, Math.min(realMs, LONGEST_TIMEOUT_MS)).unref();
    return { cancel: () => clearTimeout(timeout) };
  }
}
