import { describe, expect, it } from '@jest/globals';
import { ASSUMED_TIMES, learnPairTimes } from './pair-times.js';

const LEARNED = [
  { region: 'US', model: 'm', cold: false, samplesMs: [10_000, 12_000, 50_000] },
  { region: 'US', model: 'm', cold: true, samplesMs: [100_000] },
  { region: 'EU', model: 'm', cold: false, samplesMs: [20_000] },
];

describe('learnPairTimes', () => {
  it('takes the median, and for a cold start what the first call took longer', () => {
    expect(learnPairTimes(LEARNED)('US', 'm')).toEqual({
      ...{ warmMs: 12_000, warmSource: 'learned', coldStartMs: 88_000, coldSource: 'learned' },
    });
  });

  it('takes what a region has not shown from other regions, the slowest of them', () => {
    expect(learnPairTimes(LEARNED)('EU', 'm')).toEqual({
      ...{ warmMs: 20_000, warmSource: 'learned', coldStartMs: 80_000, coldSource: 'other_region' },
    });
    expect(learnPairTimes(LEARNED)('ASIA', 'm')).toMatchObject({
      warmMs: 20_000,
      warmSource: 'other_region',
    });
  });

  it('assumes where nothing of the model has been learned, and says so', () => {
    expect(learnPairTimes(LEARNED)('US', 'other')).toEqual(ASSUMED_TIMES);
  });

  it('never expects a first call to be faster than the others', () => {
    const odd = [...LEARNED.slice(0, 1), { region: 'US', model: 'm', cold: true, samplesMs: [5000] }];
    expect(learnPairTimes(odd)('US', 'm').coldStartMs).toBe(0);
  });
});
