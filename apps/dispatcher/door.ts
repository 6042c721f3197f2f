import type { RunningCall } from './running-calls.js';

/**
 * Where staged tickets wait at their endpoint. A call that ends passes its turn to the first of them, so the gap
 * between two calls is no hop at all, and the number of calls in flight stays what admission allowed.
 */
export class Door {
  private readonly waiting = new Map<RunningCall, () => void>();

  /** Resolves when a call of this endpoint passes its turn on, when the wait is given up, or after `timeoutMs`. */
  async wait(call: RunningCall, timeoutMs: number): Promise<'turn' | 'woken'> {
    const { signal } = call.abort;
    if (signal.aborted) return 'woken';
    return new Promise((resolve) => {
      const end = (result: 'turn' | 'woken'): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiting.delete(call);
        resolve(result);
      };
      const wake = (): void => end('woken');
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      this.waiting.set(call, () => end('turn'));
    });
  }

  /**
   * A call has ended: the first at the door goes. Nobody there: the router gives the turn to whom it admits next.
   * @returns whether somebody went
   */
  passTurn(): boolean {
    const [first] = this.waiting.values();
    first?.();
    return first !== undefined;
  }
}
