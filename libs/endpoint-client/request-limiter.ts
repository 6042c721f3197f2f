import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Keeps requests below a rate, first come, first served: the platform refuses what exceeds its own, and a refusal
 * costs an attempt where waiting costs milliseconds.
 */
export class RequestLimiter {
  /** When the next request may go, by the monotonic clock; lags behind now by at most the burst. */
  private nextMs = -Infinity;

  /**
   * @param requestsPerS 0 or less: no limit
   * @param burst requests that may go at once after a pause
   */
  constructor(
    private readonly requestsPerS: number,
    private readonly burst: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @returns milliseconds until this request may go; its place is taken */
  reserve(): number {
    if (this.requestsPerS <= 0) return 0;
    const nowMs = this.nowMs();
    const gapMs = 1000 / this.requestsPerS;
    this.nextMs = Math.max(this.nextMs, nowMs - gapMs * Math.max(0, this.burst - 1));
    const dueMs = this.nextMs;
    this.nextMs += gapMs;
    return Math.max(0, dueMs - nowMs);
  }

  /** Resolves when the request may go. @throws the signal's reason where it is aborted first */
  async turn(signal: AbortSignal): Promise<void> {
    const delayMs = this.reserve();
    if (delayMs > 0) await wait(delayMs, undefined, { signal });
  }
}
