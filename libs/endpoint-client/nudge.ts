/** Ends a wait early. A nudge that comes while nobody waits is remembered for the next wait. */
export class Nudge {
  private pending = false;
  private wake: (() => void) | undefined;

  give(): void {
    this.pending = true;
    this.wake?.();
  }

  /** Resolves after the time, at a nudge, or when the signal is aborted; never rejects. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.pending && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          this.wake = undefined;
          resolve();
        };
        const timer = setTimeout(end, timeoutMs);
        signal.addEventListener('abort', end, { once: true });
        this.wake = end;
      });
    }
    this.pending = false;
  }
}
