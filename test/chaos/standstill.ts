const TICK_MS = 100;
/** A tick that is late by less is that of a busy machine; by more, of one that stood still. */
const LATE_MS = 500;

/**
 * Notes when this machine stood still (a virtual machine that is paused, a host that gives it no processor) by a clock of
 * its own that did not tick. What is claimed of Beacon in milliseconds is claimed of the time in which it could do anything.
 * A spec that keeps its own process busy for so long is taken for that, too.
 */
export class StandstillWatch {
  private readonly gaps: { readonly fromMs: number; readonly toMs: number }[] = [];
  private dueMs = Date.now() + TICK_MS;
  private readonly timer = setInterval(() => this.tick(), TICK_MS);

  /** @returns ms that it stood still between two moments, Unix ms */
  readonly within = (fromMs: number, toMs: number): number =>
    this.gaps.reduce(
      (sum, gap) => sum + Math.max(0, Math.min(toMs, gap.toMs) - Math.max(fromMs, gap.fromMs)),
      0,
    );

  /** @returns ms in all */
  get totalMs(): number {
    return this.within(0, Infinity);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const nowMs = Date.now();
    if (nowMs - this.dueMs >= LATE_MS) this.gaps.push({ fromMs: this.dueMs, toMs: nowMs });
    this.dueMs = nowMs + TICK_MS;
  }
}
