import type { Clock } from '../clock/clock.js';

/** Rule 5. */
export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** @param perS tokens per simulated second; 0 means no limit  @param burst most that may be saved up */
  constructor(
    private readonly clock: Clock,
    private readonly perS: number,
    private readonly burst: number,
  ) {
    this.#tokens = burst;
    this.#filledMs = clock.now();
  }

  /** @returns whether there was a token to take */
  take(): boolean {
    if (this.perS === 0) return true;
    const nowMs = this.clock.now();
    this.#tokens = Math.min(this.burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.perS);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
