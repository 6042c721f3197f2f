import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SIMILARITY_WORDS_MAX, similarityOf, wordPairsOf, wordsOf } from './similarity.js';

const similarity = (left: string, right: string): number =>
  similarityOf(wordPairsOf(left), wordPairsOf(right));

describe('similarity of two answers', () => {
  it.each<[string, string, number]>([
    ['Paris', 'Paris', 1],
    ['Paris', 'paris!', 1],
    ['Paris', 'London', 0],
    ['', '', 1],
    ['?', '...', 1],
    ['', 'Paris', 0],
    // 4 pairs each with the edges, 2 of them shared.
    ['the capital is', 'the capital was', 0.5],
    // Order counts.
    ['a b c', 'c b a', 0],
    ['首都是巴黎', '首都是伦敦', 0.5],
  ])('of %j and %j is %d', (left, right, expected) => {
    expect(similarity(left, right)).toBeCloseTo(expected, 10);
  });

  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc
      .array(fc.constantFrom('the', 'capital', 'of', 'France', 'is', 'Paris', '.'), { maxLength: 30 })
      .map((words) => words.join(' ')),
  );

  it('lies in [0, 1] and does not depend on which comes first', () => {
    fc.assert(
      fc.property(texts, texts, (left, right) => {
        const value = similarity(left, right);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
        expect(similarity(right, left)).toBe(value);
      }),
    );
  });

  it('is 1 for a text and itself, and only for texts of the same pairs of words', () => {
    fc.assert(
      fc.property(texts, texts, (left, right) => {
        expect(similarity(left, left)).toBe(1);
        const samePairs =
          JSON.stringify([...wordPairsOf(left).counts].sort()) ===
          JSON.stringify([...wordPairsOf(right).counts].sort());
        expect(similarity(left, right) === 1).toBe(samePairs);
      }),
    );
  });

  it('looks at a bounded number of words', () => {
    const long = 'word '.repeat(SIMILARITY_WORDS_MAX);
    expect(similarity(`${long} one end`, `${long} another end`)).toBe(1);
  });

  it('counts words', () => {
    expect(wordsOf("It's 3 o'clock, isn't it?")).toEqual(["it's", '3', "o'clock", "isn't", 'it']);
  });
});
