/** How fast tokens come, and how many may be saved up. */
export interface BucketSize {
  readonly perS: number;
  /** At least one. */
  readonly burst: number;
}

/** Lets `perS` things through per second on average, and `burst` of them at once. It starts full. */
export class TokenBucket {
  private tokens: number;
  private filledMs: number;

  constructor(
    private size: BucketSize,
    nowMs: number,
  ) {
    this.tokens = size.burst;
    this.filledMs = nowMs;
  }

  /** What has been saved up stays, as far as the new size allows. */
  resize(size: BucketSize, nowMs: number): void {
    this.fill(nowMs);
    this.size = size;
    this.tokens = Math.min(this.tokens, size.burst);
  }

  /** @returns 0 where there was a token, which is taken; otherwise the milliseconds until there is one */
  take(nowMs: number): number {
    const waitMs = this.waitMs(nowMs);
    if (waitMs === 0) this.tokens -= 1;
    return waitMs;
  }

  /** The same without taking it. */
  waitMs(nowMs: number): number {
    this.fill(nowMs);
    return this.tokens >= 1 ? 0 : ((1 - this.tokens) / this.size.perS) * 1000;
  }

  /** Whole tokens that are left. */
  left(nowMs: number): number {
    this.fill(nowMs);
    return Math.floor(this.tokens);
  }

  /** Milliseconds until it is as if nothing had ever been taken. */
  fullInMs(nowMs: number): number {
    this.fill(nowMs);
    return ((this.size.burst - this.tokens) / this.size.perS) * 1000;
  }

  private fill(nowMs: number): void {
    // A clock that was set back gives nothing and takes nothing.
    const passedMs = Math.max(0, nowMs - this.filledMs);
    // Whole milliseconds of a rate rarely add up to a whole token; what is a billionth short of one is one.
    const tokens = this.tokens + (passedMs / 1000) * this.size.perS;
    this.tokens = Math.min(
      this.size.burst,
      Math.abs(tokens - Math.round(tokens)) < 1e-9 ? Math.round(tokens) : tokens,
    );
    this.filledMs = nowMs;
  }
}
