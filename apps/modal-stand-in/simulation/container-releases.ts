import type { Clock } from '../clock/clock.js';
import type { ContainerPool } from './container-pool.js';

/** Modal's shortest scale-down window, which a deployment sets to be rid of its idle containers. */
const RELEASE_WINDOW_S = 2;
/** How often a deployment asks Modal whether they are gone. */
const LOOK_EVERY_S = 1;

/**
 * Rule 24: gives up idle containers the way a deployment on Modal has to: with the shortest window for as long as it
 * takes, and then with the former one again. Work that comes meanwhile ends it.
 */
export class ContainerReleases {
  /** How many releases of a pool are under way: the first to end must not lengthen the window of the others. */
  readonly #open = new Map<ContainerPool, number>();

  constructor(private readonly clock: Clock) {}

  /** @param answer told once: whether no container is left */
  release(pool: ContainerPool, timeoutS: number, answer: (isReleased: boolean) => void): void {
    if (pool.size === 0 || pool.hasWork) return answer(!pool.hasWork);
    const deadlineMs = this.clock.now() + timeoutS * 1000;
    this.#open.set(pool, (this.#open.get(pool) ?? 0) + 1);
    pool.shortenWindow(RELEASE_WINDOW_S);
    const look = (): void => {
      const isOver = pool.size === 0 || pool.hasWork || this.clock.now() >= deadlineMs;
      if (!isOver) return this.#lookAgain(look, deadlineMs);
      this.#close(pool);
      answer(pool.size === 0 && !pool.hasWork);
    };
    this.#lookAgain(look, deadlineMs);
  }

  #lookAgain(look: () => void, deadlineMs: number): void {
    this.clock.schedule(Math.min(LOOK_EVERY_S * 1000, Math.max(0, deadlineMs - this.clock.now())), look);
  }

  #close(pool: ContainerPool): void {
    const others = (this.#open.get(pool) ?? 1) - 1;
    if (others > 0) {
      this.#open.set(pool, others);
      return;
    }
    this.#open.delete(pool);
    pool.shortenWindow(undefined);
  }
}
