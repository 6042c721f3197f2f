/** Words looked at: bounds what one comparison costs, whatever the length of the answers. */
export const SIMILARITY_WORDS_MAX = 2000;

/** How often each pair of neighbouring words occurs in a text, and how many there are. */
export interface WordPairs {
  readonly counts: ReadonlyMap<string, number>;
  readonly total: number;
}

/** Words in lower case, without punctuation; where a script has no spaces, every character is a word. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}\p{M}']+/gu) ??
    []
  ).flatMap(splitIdeographs);
}

export function wordPairsOf(text: string): WordPairs {
  const words = wordsOf(text).slice(0, SIMILARITY_WORDS_MAX);
  const counts = new Map<string, number>();
  // The edges count as words, so that a text of one word has pairs, and beginning alike means something.
  const edged = words.length === 0 ? [] : ['', ...words, ''];
  for (let index = 1; index < edged.length; index += 1) {
    const pair = `${edged[index - 1] ?? ''} ${edged[index] ?? ''}`;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return { counts, total: Math.max(0, edged.length - 1) };
}

/**
 * Sørensen-Dice over pairs of neighbouring words: twice what two texts share, by what both have.
 * @returns in [0, 1]; 1 for texts of the same words in the same order, and for two without words
 */
export function similarityOf(left: WordPairs, right: WordPairs): number {
  if (left.total + right.total === 0) return 1;
  const [fewer, more] =
    left.counts.size <= right.counts.size ? [left.counts, right.counts] : [right.counts, left.counts];
  let shared = 0;
  for (const [pair, count] of fewer) shared += Math.min(count, more.get(pair) ?? 0);
  return (2 * shared) / (left.total + right.total);
}

/** The letters of a word may be followed by ideographs without a space. */
function splitIdeographs(word: string): string[] {
  return (
    word.match(
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu,
    ) ?? []
  );
}
