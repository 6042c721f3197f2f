import { describe, expect, it } from '@jest/globals';
import { budgetBand, shareOfBudget } from './budget-use.js';

describe('how much of a budget is used', () => {
  it.each([
    [0, 'below_80'],
    [0.799, 'below_80'],
    [0.8, 'from_80'],
    [0.999, 'from_80'],
    [1, 'used_up'],
    [7, 'used_up'],
  ])('%d of it is %s', (share, band) => {
    expect(budgetBand(share)).toBe(band);
  });

  it.each([
    ['the dollars', { gpuMs: 1000, usd: 3 }, { usd: 4, gpuSeconds: null }, 0.75],
    ['the seconds', { gpuMs: 1000, usd: null }, { usd: null, gpuSeconds: 4 }, 0.25],
    ['the larger of both', { gpuMs: 2000, usd: 1 }, { usd: 4, gpuSeconds: 4 }, 0.5],
    ['the seconds, where nobody knows a price', { gpuMs: 2000, usd: null }, { usd: 4, gpuSeconds: 4 }, 0.5],
    [
      'nothing, where nobody knows a price',
      { gpuMs: 2000, usd: null },
      { usd: 4, gpuSeconds: null },
      undefined,
    ],
  ])('counts %s', (_what, spent, budget, share) => {
    expect(shareOfBudget(spent, budget)).toBe(share);
  });

  it('calls a budget of nothing used up as soon as anything is spent', () => {
    expect(shareOfBudget({ gpuMs: 1, usd: 0 }, { usd: 0, gpuSeconds: 0 })).toBeGreaterThan(1);
  });
});
