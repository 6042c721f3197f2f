import { describe, expect, it } from '@jest/globals';
import { GPU_USD_PER_S } from '../gpu-cost.js';
import { BUILT_IN_PRICES, gpuUsdPerS, multiplierOf, priceTableOf, pricesAt } from './prices.js';

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);

describe('prices', () => {
  it('are the built-in ones where nothing is configured, at any time', () => {
    const table = priceTableOf([]);
    for (const atMs of [0, day('2026-11-01'), day('2040-01-01')])
      expect(pricesAt(table, atMs)).toBe(table[0]);
    for (const [gpu, usdPerS] of Object.entries(GPU_USD_PER_S))
      expect(gpuUsdPerS(BUILT_IN_PRICES, gpu, 'US')).toBeCloseTo(usdPerS * 1.5, 12);
    expect(gpuUsdPerS(BUILT_IN_PRICES, 'ABACUS', 'US')).toBeUndefined();
  });

  const table = priceTableOf([
    { from: '2027-02-01', gpus: { T4: 0.0003 }, region_multipliers: { US: 1.75 } },
    { from: '2027-01-01', gpus: { T4: 0.0002, TPU: 0.001 }, models: {} },
  ]);

  it.each([
    ['2026-12-31', '2026-11-01', 164_000n, undefined],
    ['2027-01-01', '2027-01-01', 200_000n, 1_000_000n],
    ['2027-01-31', '2027-01-01', 200_000n, 1_000_000n],
    ['2027-02-01', '2027-02-01', 300_000n, 1_000_000n],
  ])('on %s are those of %s, whatever order they are written in', (on, from, t4, tpu) => {
    const prices = pricesAt(table, day(on));
    expect(prices.from).toBe(from);
    expect(prices.gpuNanoUsdPerS.get('T4')).toBe(t4);
    expect(prices.gpuNanoUsdPerS.get('TPU')).toBe(tpu);
    // What no entry names stays as it was.
    expect(prices.gpuNanoUsdPerS.get('L4')).toBe(222_000n);
  });

  it('change at midnight UTC, and a millisecond before they have not', () => {
    expect(pricesAt(table, day('2027-02-01') - 1).from).toBe('2027-01-01');
    expect(multiplierOf(pricesAt(table, day('2027-02-01') - 1), 'US')).toBe(1_500_000n);
    expect(multiplierOf(pricesAt(table, day('2027-02-01')), 'US')).toBe(1_750_000n);
    expect(multiplierOf(pricesAt(table, day('2027-02-01')), 'EU')).toBe(1_500_000n);
  });
});
