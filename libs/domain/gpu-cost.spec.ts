import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GPU_USD_PER_S, REGION_MULTIPLIERS, gpuCostUsd, type RegionPin } from './gpu-cost.js';

describe('caller rule 16: what GPU time costs', () => {
  it('is cold start, work and idle tail, times price and multiplier', () => {
    const time = { coldStartS: 120, busyS: 240, idleS: 300 };
    expect(gpuCostUsd('T4', time, 'none')).toBeCloseTo(660 * 0.000164, 12);
    expect(gpuCostUsd('T4', time, 'broad')).toBeCloseTo(660 * 0.000164 * 1.5, 12);
    expect(gpuCostUsd('L4', time, 'narrow')).toBeCloseTo(660 * 0.000222 * 1.75, 12);
  });

  it('is not known for a GPU without a price', () => {
    expect(gpuCostUsd('ABACUS', { coldStartS: 1, busyS: 1, idleS: 1 }, 'none')).toBeUndefined();
  });

  it('grows with each part alike: no second of a held GPU is free', () => {
    const seconds = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(GPU_USD_PER_S)),
        fc.constantFrom(...(Object.keys(REGION_MULTIPLIERS) as RegionPin[])),
        fc.constantFrom('coldStartS', 'busyS', 'idleS'),
        fc.record({ coldStartS: seconds, busyS: seconds, idleS: seconds }),
        (gpu, pin, part, time) => {
          const more = { ...time, [part]: time[part] + 100 };
          const added = gpuCostUsd(gpu, more, pin)! - gpuCostUsd(gpu, time, pin)!;
          expect(added).toBeCloseTo(100 * GPU_USD_PER_S[gpu]! * REGION_MULTIPLIERS[pin], 6);
        },
      ),
    );
  });
});
