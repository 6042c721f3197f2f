/** A word of an answer, and whether the answer that it is compared with has it at this place. */
export interface MarkedWord {
  readonly word: string;
  readonly differs: boolean;
}

/** Longer answers are compared up to here: the table of the comparison grows with the square. */
const WORDS_MAX = 1500;

/**
 * @returns the words of `text`, those marked that are not in the longest common sequence of words with `other`. What
 *   differs in letter case or in the punctuation at its ends only is the same word.
 */
export function markDifferences(text: string, other: string): MarkedWord[] {
  const words = wordsOf(text);
  const keys = words.slice(0, WORDS_MAX).map(keyOf);
  const others = wordsOf(other).slice(0, WORDS_MAX).map(keyOf);
  const kept = commonIn(keys, others);
  return words.map((word, index) => ({ word, differs: !kept.has(index) }));
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function keyOf(word: string): string {
  const bare = word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
  return bare === '' ? word : bare;
}

/** Indexes into `left` of one longest common subsequence. */
function commonIn(left: readonly string[], right: readonly string[]): ReadonlySet<number> {
  const columns = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * columns);
  const at = (i: number, j: number): number => lengths[i * columns + j] ?? 0;
  for (let i = left.length - 1; i >= 0; i -= 1)
    for (let j = right.length - 1; j >= 0; j -= 1)
      lengths[i * columns + j] =
        left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const common = new Set<number>();
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    if (left[i] === right[j]) {
      common.add(i);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return common;
}
