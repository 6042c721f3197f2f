import type { RunningCall } from './running-calls.js';

/**
 * Where staged tickets wait at their endpoint. A call that ends passes its turn to the first of them, so
 * neither a router nor a row is between two calls, and the number of calls in flight stays what admission allowed.
 */
export class Door {
  private readonly waiting = new Map<RunningCall, { readonly takesTurn: boolean; readonly go: () => void }>();

  /**
   * Resolves when a call of this endpoint ends and passes its turn on, when the wait is given up, or after `timeoutMs`.
   * @param takesTurn false for a ticket that somebody else may have begun: a call that ends here says nothing about that
   *   one. It is only woken, to ask again.
   * @returns `turn`: it is this one's. `passed`: a call has ended, and this one takes no turn
   */
  async wait(call: RunningCall, timeoutMs: number, takesTurn: boolean): Promise<'turn' | 'passed' | 'woken'> {
    const { signal } = call.abort;
    if (signal.aborted) return 'woken';
    return new Promise((resolve) => {
      const end = (result: 'turn' | 'passed' | 'woken'): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiting.delete(call);
        resolve(result);
      };
      const wake = (): void => end('woken');
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      this.waiting.set(call, { takesTurn, go: () => end(takesTurn ? 'turn' : 'passed') });
    });
  }

  /**
   * A call has ended: the first at the door that takes turns goes. Nobody there: the router gives the turn to whom it admits next.
   * @returns whether somebody went
   */
  passTurn(): boolean {
    const waiting = [...this.waiting.values()];
    for (const { takesTurn, go } of waiting) if (!takesTurn) go();
    const first = waiting.find(({ takesTurn }) => takesTurn);
    first?.go();
    return first !== undefined;
  }
}
