import type { Generator } from './generator.js';

interface Waiting {
  readonly give: (generator: Generator) => void;
  readonly refuse: (reason: unknown) => void;
}

/** Hands out generators one by one, in the order in which they were asked for. */
export class GeneratorQueue {
  readonly #idle: Generator[];
  readonly #waiting = new Set<Waiting>();

  constructor(generators: readonly Generator[]) {
    this.#idle = [...generators];
  }

  /**
   * Works with a generator as soon as it is this work's turn.
   * @throws the signal's reason, when it is aborted before that
   */
  async use<T>(signal: AbortSignal, work: (generator: Generator) => Promise<T>): Promise<T> {
    const generator = await this.#take(signal);
    try {
      signal.throwIfAborted();
      return await work(generator);
    } finally {
      this.#giveBack(generator);
    }
  }

  #take(signal: AbortSignal): Promise<Generator> {
    signal.throwIfAborted();
    const idle = this.#idle.shift();
    if (idle !== undefined) return Promise.resolve(idle);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiting);
        waiting.refuse(signal.reason);
      };
      const waiting: Waiting = {
        give: (generator) => {
          signal.removeEventListener('abort', onAbort);
          resolve(generator);
        },
        refuse: reject,
      };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #giveBack(generator: Generator): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#idle.push(generator);
      return;
    }
    this.#waiting.delete(next);
    next.give(generator);
  }
}
