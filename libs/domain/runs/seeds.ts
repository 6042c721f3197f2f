import { mulberry32 } from '../mulberry32.js';

/** How the questions of a run are asked: in the order of the request, or in one that the seed decides. */
export const QUESTION_ORDERS = ['given', 'shuffled'] as const;
export type QuestionOrder = (typeof QUESTION_ORDERS)[number];

/** Seeds fit a signed 32-bit integer: every engine takes that. */
const SEED_BITS = 31;

/** What tells the samples of a run apart; the region is left out, so that regions are compared like with like. */
export interface SampledCell {
  readonly questionId: string;
  readonly model: string;
  readonly repeat: number;
}

/**
 * The sampling seed of a cell: the upper 31 bits of the 32-bit hash of `[seed,"question_id","model",repeat]`, as JSON
 * without spaces. The same question to the same model has the same seed in every region, and another one for each repeat.
 * @param runSeed an integer from 0 to 2^53 - 1
 * Source: docs/receipts.md, "How a seed is made"
 */
export function cellSeed(runSeed: number, { questionId, model, repeat }: SampledCell): number {
  return hash32(JSON.stringify([runSeed, questionId, model, repeat])) >>> (32 - SEED_BITS);
}

/**
 * A permutation that the seed decides: Fisher-Yates from the end, with mulberry32 seeded by the hash of
 * `["order",seed]`.
 */
export function shuffledBySeed<T>(items: readonly T[], seed: number): T[] {
  const random = mulberry32(hash32(JSON.stringify(['order', seed])));
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const [moved, put] = [shuffled[last], shuffled[other]];
    if (moved === undefined || put === undefined) continue;
    shuffled[last] = put;
    shuffled[other] = moved;
  }
  return shuffled;
}

/** FNV-1a over UTF-8, then MurmurHash3's finalizer, without which neighbouring texts have neighbouring hashes. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function* utf8(text: string): Generator<number, void, undefined> {
  // Escaped byte by byte and so without a platform's encoder.
  const escaped = encodeURIComponent(text.toWellFormed());
  for (let index = 0; index < escaped.length; index += 1) {
    if (escaped[index] === '%') {
      yield Number.parseInt(escaped.slice(index + 1, index + 3), 16);
      index += 2;
    } else yield escaped.charCodeAt(index);
  }
}
