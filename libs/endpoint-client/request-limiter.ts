interface Waiting {
  readonly go: () => void;
}

/**
 * Keeps requests below a rate, first come, first served: the platform refuses what exceeds its own, and a refusal
 * costs an attempt where waiting costs milliseconds.
 */
export class RequestLimiter {
  private readonly waiting = new Set<Waiting>();
  private readonly gapMs: number;
  /** When the next request may go, by the monotonic clock. */
  private nextMs = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param requestsPerS 0 or less: no limit
   * @param burst requests that may go at once after a pause
   */
  constructor(
    requestsPerS: number,
    private readonly burst: number,
  ) {
    this.gapMs = requestsPerS > 0 ? 1000 / requestsPerS : 0;
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.waiting.size;
  }

  /** Resolves when the request may go. One that is given up leaves its place. @throws the signal's reason */
  async turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.gapMs === 0) return;
    if (this.waiting.size === 0 && this.take()) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.waiting.delete(waiting);
        if (this.waiting.size === 0) this.disarm();
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        go: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.waiting.add(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
      this.arm();
    });
  }

  /** Counts a request that does not wait: one that ends work must not queue behind those that begin it. */
  takeAtOnce(): void {
    if (this.gapMs > 0 && !this.take()) this.nextMs += this.gapMs;
  }

  private take(): boolean {
    const nowMs = performance.now();
    this.nextMs = Math.max(this.nextMs, nowMs - this.gapMs * Math.max(0, this.burst - 1));
    if (this.nextMs > nowMs) return false;
    this.nextMs += this.gapMs;
    return true;
  }

  private arm(): void {
    this.timer ??= setTimeout(
      () => {
        this.timer = undefined;
        for (const next of this.waiting) {
          if (!this.take()) break;
          this.waiting.delete(next);
          next.go();
        }
        if (this.waiting.size > 0) this.arm();
      },
      Math.max(0, this.nextMs - performance.now()),
    );
  }

  private disarm(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
