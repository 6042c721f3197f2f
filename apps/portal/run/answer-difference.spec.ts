import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { differenceOf, type Piece } from './answer-difference.js';

const side = (pieces: readonly Piece[], left: Piece['kind']): string =>
  pieces
    .filter(({ kind }) => kind !== left)
    .map(({ text }) => text)
    .join('');

describe('the difference between two answers', () => {
  it('is told in words', () => {
    expect(differenceOf('the sky is blue today', 'the sky is grey today')).toEqual([
      { kind: 'same', text: 'the sky is ' },
      { kind: 'removed', text: 'blue' },
      { kind: 'added', text: 'grey' },
      { kind: 'same', text: ' today' },
    ]);
    expect(differenceOf('same', 'same')).toEqual([{ kind: 'same', text: 'same' }]);
  });

  it('tells words that were changed one after the other as one passage', () => {
    expect(differenceOf('The United States spoke.', 'The European Community spoke.')).toEqual([
      { kind: 'same', text: 'The ' },
      { kind: 'removed', text: 'United States' },
      { kind: 'added', text: 'European Community' },
      { kind: 'same', text: ' spoke.' },
    ]);
  });

  it('holds both answers whole', () => {
    const words = fc
      .array(fc.constantFrom('yes', 'no', 'maybe', '.', '\n', 'é'), { maxLength: 30 })
      .map((each) => each.join(' '));
    fc.assert(
      fc.property(words, words, (baseline, answer) => {
        const pieces = differenceOf(baseline, answer) ?? [];
        expect(side(pieces, 'removed')).toBe(answer);
        expect(side(pieces, 'added')).toBe(baseline);
      }),
    );
  });

  it('is given up where there is too much of it', () => {
    const text = (word: string): string =>
      Array.from({ length: 5000 }, (_, index) => `${word}${index}`).join(' ');
    expect(differenceOf(text('a'), text('b'))).toBeUndefined();
  });
});
