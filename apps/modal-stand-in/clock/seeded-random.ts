/** 32-bit FNV-1a: spreads names over numbers, the same on every machine. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/**
 * One reproducible stream of numbers per purpose (mulberry32). Streams are named, so drawing from one
 * endpoint never shifts what another endpoint draws.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number, stream: string) {
    this.#state = hashOf(`${seed}/${stream}`);
  }

  /** @returns a number in [0, 1) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** @returns a number in [low, high] */
  between([low, high]: readonly [number, number]): number {
    return low + (high - low) * this.next();
  }
}
