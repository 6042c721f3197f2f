import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cellSeed, shuffledBySeed } from './seeds.js';

const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const cells = fc.record({
  questionId: fc.string(),
  model: fc.string(),
  repeat: fc.integer({ min: 1, max: 1000 }),
});

describe("a cell's seed", () => {
  it('is written down here, so that it cannot change unnoticed', () => {
    const cell = { questionId: 'taiwan_status', model: 'llama3.2-1b', repeat: 1 };
    expect([
      cellSeed(0, cell),
      cellSeed(42, cell),
      cellSeed(42, { ...cell, repeat: 2 }),
      cellSeed(42, { ...cell, questionId: 'größte Erfindung' }),
    ]).toEqual([1_783_468_036, 462_949_313, 1_802_453_585, 1_542_053_244]);
  });

  it('is the same whenever it is asked for, and fits a signed 32-bit integer', () => {
    fc.assert(
      fc.property(seeds, cells, (seed, cell) => {
        const drawn = cellSeed(seed, cell);
        expect(drawn).toBe(cellSeed(seed, { ...cell }));
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < 2 ** 31).toBe(true);
      }),
    );
  });

  it('differs between repeats, questions, models and runs', () => {
    const drawn = new Set<number>();
    for (const seed of [0, 1, 2 ** 52])
      for (let question = 0; question < 50; question += 1)
        for (const model of ['small', 'large'])
          for (let repeat = 1; repeat <= 10; repeat += 1)
            drawn.add(cellSeed(seed, { questionId: `q${question}`, model, repeat }));
    // 3000 draws of 2^31: two that meet would be a surprise.
    expect(drawn.size).toBeGreaterThanOrEqual(2999);
  });

  it('does not take one name for another where they run together', () => {
    const ofNames = (questionId: string, model: string): number =>
      cellSeed(1, { questionId, model, repeat: 1 });
    expect(ofNames('a', 'bc')).not.toBe(ofNames('ab', 'c'));
    expect(ofNames('a","b', 'c')).not.toBe(ofNames('a', 'b","c'));
  });
});

describe('a shuffle by seed', () => {
  it('is a permutation, and the same one each time', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 60 }), seeds, (items, seed) => {
        const shuffled = shuffledBySeed(items, seed);
        expect([...shuffled].sort()).toEqual([...items].sort());
        expect(shuffledBySeed(items, seed)).toEqual(shuffled);
      }),
    );
  });

  it('is written down here, so that it cannot change unnoticed', () => {
    expect(shuffledBySeed(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], 42)).toEqual([...'bfhecadg']);
  });

  it('puts each item at each place about equally often', () => {
    const draws = 8000;
    const counts = Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => 0));
    for (let seed = 0; seed < draws; seed += 1)
      for (const [place, item] of shuffledBySeed([0, 1, 2, 3, 4, 5, 6, 7], seed).entries())
        counts[item]![place]! += 1;
    // Expected 1000 each, with a standard deviation of 30: five of them either way.
    for (const count of counts.flat()) expect(Math.abs(count - draws / 8)).toBeLessThan(150);
  });
});
