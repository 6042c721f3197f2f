import { mulberry32 } from '#testing';

/** When a victim is struck: once the endpoints have answered so often, and a little later. */
export interface Moment {
  readonly afterAnswers: number;
  readonly plusMs: number;
}

const LONGEST_PLUS_MS = 800;
/** So early that every endpoint is cold, and so late that they would all have been warm. */
const LONGEST_COLD_MS = 3000;

/**
 * Draws what a scenario needs by chance. The seed decides everything but what the machine itself makes of it: with
 * CHAOS_SEED a run that failed is struck at the same points again.
 */
export class Chance {
  /** The next one, in [0, 1). */
  readonly next: () => number;

  /** @param scenario gives each scenario its own draws */
  constructor(seed: number, scenario: string) {
    this.next = mulberry32(
      [...scenario].reduce((state, letter) => Math.imul(state ^ letter.charCodeAt(0), 16_777_619), seed),
    );
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** The same in another order (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.flatMap(() => left.splice(this.between(0, left.length - 1), 1));
  }

  /** One moment in each of `count` equal parts of the run, the first part beginning with the cold starts. */
  moments(count: number, answers = 64): Moment[] {
    const part = answers / count;
    return Array.from({ length: count }, (_, index) => {
      // Not the last few answers: what is struck must still matter.
      const afterAnswers = Math.floor(index * part + this.next() * part * 0.8);
      const longestMs = afterAnswers === 0 ? LONGEST_COLD_MS : LONGEST_PLUS_MS;
      return { afterAnswers, plusMs: this.between(0, longestMs) };
    });
  }
}

/**
 * One seed per round (CHAOS_ROUNDS, else 1), from CHAOS_SEED on. Without it they are new every time: each run of the
 * tests strikes elsewhere.
 */
export function chaosSeeds(): number[] {
  const { CHAOS_SEED: given = '', CHAOS_ROUNDS: rounds = '1' } = process.env;
  const first = given === '' ? Math.floor(Math.random() * 1_000_000) : Number(given);
  return Array.from({ length: Math.max(1, Number(rounds)) }, (_, round) => first + round);
}
