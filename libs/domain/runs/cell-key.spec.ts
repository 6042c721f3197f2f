import { describe, expect, it } from '@jest/globals';
import { cellKey, runKeyPrefix } from './cell-key.js';

describe("a cell's key", () => {
  it('is what jobs of former versions were made under', () => {
    expect(cellKey('7c9e', 12, 3)).toBe('run:7c9e:12:3');
  });

  it('differs between runs, cells and tries, also where their numbers run into each other', () => {
    const keys = [cellKey('a', 1, 11), cellKey('a', 11, 1), cellKey('a', 111, 1), cellKey('a1', 1, 1)];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("begins as its run's keys do, and not as those of a run whose id is longer", () => {
    expect(cellKey('a', 1, 1).startsWith(runKeyPrefix('a'))).toBe(true);
    expect(cellKey('a1', 1, 1).startsWith(runKeyPrefix('a'))).toBe(false);
  });
});
