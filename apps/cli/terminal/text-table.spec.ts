import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ellipsize, printable, table, wrap } from './text-table.js';

describe('text of models', () => {
  it('cannot move the cursor, ring the bell or begin a line', () => {
    expect(printable('a\u001b[2Jb\r\nc\u0007 \u009b31m d\u2028e')).toBe('a [2Jb c 31m d e');
  });

  it('is wrapped between words, and inside a word only where it is longer than a line', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('incomprehensible', 6)).toEqual(['incomp', 'rehens', 'ible']);
    expect(wrap('', 10)).toEqual(['']);
  });

  it('says with an ellipsis that something is left out', () => {
    expect(wrap('one two three four five', 8, 2)).toEqual(['one two', 'three …']);
    expect(wrap('one two', 8, 1)).toEqual(['one two']);
    expect(ellipsize('abcdef', 4)).toBe('abc…');
    expect(ellipsize('abcd', 4)).toBe('abcd');
  });

  it('never gets wider than it may, nor loses a word', () => {
    fc.assert(
      fc.property(fc.lorem({ maxCount: 30 }), fc.integer({ min: 4, max: 40 }), (text, width) => {
        const lines = wrap(text, width);
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });
});

describe('a table', () => {
  it('wraps its cells beside each other', () => {
    const columns = [
      { title: '', width: 2 },
      { title: 'US', width: 5 },
      { title: 'EU', width: 5 },
    ];
    const rows = [
      ['m', 'one two three', 'four'],
      ['n', 'five', 'six'],
    ];
    expect(table(columns, rows)).toEqual([
      '   │ US    │ EU',
      '───┼───────┼──────',
      'm  │ one   │ four',
      '   │ two   │',
      '   │ three │',
      '   │       │',
      'n  │ five  │ six',
    ]);
  });

  it('puts figures to the right', () => {
    const columns = [
      { title: 'calls', width: 5, align: 'right' as const },
      { title: 'id', width: 2 },
    ];
    expect(table(columns, [['7', 'a']]).at(-1)).toBe('    7 │ a');
  });
});
