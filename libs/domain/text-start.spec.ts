import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { textStart } from './text-start.js';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

describe('the beginning of a text', () => {
  it.each([
    ['short', 10, 'short'],
    ['exact', 5, 'exact'],
    ['longer', 4, 'long'],
    ['aé', 2, 'a'],
    ['a😀b', 4, 'a'],
    ['a😀b', 5, 'a😀'],
  ])('of %j in %i bytes is %j', (text, bytes, expected) => {
    expect(textStart(text, bytes)).toBe(expected);
  });

  it('begins the text, fits, and could not be longer', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, bytes) => {
        const start = textStart(text, bytes);
        expect(text.startsWith(start)).toBe(true);
        expect(bytesOf(start)).toBeLessThanOrEqual(bytes);
        const [next] = text.slice(start.length);
        if (next !== undefined) {
          const [character = ''] = [...text.slice(start.length)];
          expect(bytesOf(start + character)).toBeGreaterThan(bytes);
        }
      }),
    );
  });
});
