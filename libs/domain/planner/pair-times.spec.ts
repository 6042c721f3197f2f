import { describe, expect, it } from '@jest/globals';
import { learnPairTimes } from './pair-times.js';

const LEARNED = [
  { region: 'US', model: 'm', cold: false, samplesMs: [10_000, 12_000, 50_000] },
  { region: 'US', model: 'm', cold: true, samplesMs: [100_000] },
  { region: 'EU', model: 'm', cold: false, samplesMs: [20_000] },
];
const ASSUMED = { warmMs: 500, coldStartMs: 2500 };

describe('learnPairTimes', () => {
  it('takes the median, and for a cold start what the first call took longer', () => {
    expect(learnPairTimes(LEARNED, ASSUMED)('US', 'm')).toEqual({
      ...{ warmMs: 12_000, warmSource: 'learned', coldStartMs: 88_000, coldSource: 'learned' },
    });
  });

  it('takes what a region has not shown from other regions, the slowest of them', () => {
    expect(learnPairTimes(LEARNED, ASSUMED)('EU', 'm')).toEqual({
      ...{ warmMs: 20_000, warmSource: 'learned', coldStartMs: 80_000, coldSource: 'other_region' },
    });
    expect(learnPairTimes(LEARNED, ASSUMED)('ASIA', 'm')).toMatchObject({
      warmMs: 20_000,
      warmSource: 'other_region',
    });
  });

  it('assumes where nothing of the model has been learned, and says so', () => {
    expect(learnPairTimes(LEARNED, ASSUMED)('US', 'other')).toEqual({
      ...{ ...ASSUMED, warmSource: 'assumed', coldSource: 'assumed' },
    });
  });

  it('assumes the one time that was not learned, and not the other', () => {
    const cold = learnPairTimes(LEARNED.slice(0, 1), ASSUMED)('US', 'm');
    expect(cold).toMatchObject({ warmMs: 12_000, coldStartMs: 2500, coldSource: 'assumed' });
    const warm = learnPairTimes(LEARNED.slice(1, 2), ASSUMED)('US', 'm');
    expect(warm).toMatchObject({ warmMs: 500, warmSource: 'assumed', coldStartMs: 99_500 });
  });

  it('never expects a first call to be faster than the others', () => {
    const odd = [...LEARNED.slice(0, 1), { region: 'US', model: 'm', cold: true, samplesMs: [5000] }];
    expect(learnPairTimes(odd, ASSUMED)('US', 'm').coldStartMs).toBe(0);
  });
});
