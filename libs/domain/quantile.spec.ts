import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { median, quantile, spreadOf, upperQuantile } from './quantile.js';

const samplesOf = fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 60 });

describe('a quantile', () => {
  it.each([
    [[7], 0.95, 7],
    [[1, 2], 0.5, 1.5],
    [[9, 1, 2], 0.5, 2],
    [[10, 30, 20, 40], 0, 10],
    [[10, 30, 20, 40], 1, 40],
    [[0, 10], 0.95, 9.5],
    [[...Array(101).keys()], 0.95, 95],
  ])('of %j at %d is %d', (samples, share, expected) => {
    expect(quantile(samples, share)).toBeCloseTo(expected, 9);
  });

  it('of nothing is nothing', () => {
    expect([quantile([], 0.5), median([]), spreadOf([])]).toEqual([undefined, undefined, undefined]);
  });

  it('has its share of the samples on either side, whatever their order', () => {
    fc.assert(
      fc.property(samplesOf, fc.integer({ min: 0, max: 100 }), (samples, percent) => {
        const value = quantile(samples, percent / 100)!;
        const below = samples.filter((sample) => sample < value - 1e-6).length;
        const above = samples.filter((sample) => sample > value + 1e-6).length;
        expect(below).toBeLessThanOrEqual(Math.ceil(((samples.length - 1) * percent) / 100));
        expect(above).toBeLessThanOrEqual(Math.ceil(((samples.length - 1) * (100 - percent)) / 100));
        expect(quantile([...samples].reverse(), percent / 100)).toBe(value);
      }),
    );
  });

  it('never falls as the share grows, so p95 is never below p50', () => {
    fc.assert(
      fc.property(samplesOf, (samples) => {
        const { p50Ms, p95Ms, samples: count } = spreadOf(samples)!;
        expect(p95Ms).toBeGreaterThanOrEqual(p50Ms);
        expect(count).toBe(samples.length);
      }),
    );
  });
});

describe('an upper quantile', () => {
  it.each([
    [[5, 9, 7], 0.95, 9],
    [[...Array(20).keys()], 0.95, 19],
    [[...Array(101).keys()], 0.95, 95],
    [[...Array(101).keys(), 101], 0.95, 96],
  ])('of %j at %d is %d', (samples, share, expected) => {
    expect(upperQuantile(samples, share)).toBe(expected);
  });

  it('of nothing is nothing', () => {
    expect(upperQuantile([], 0.95)).toBeUndefined();
  });

  it('is a sample, and never below the interpolated one, which bounds must not be', () => {
    fc.assert(
      fc.property(samplesOf, fc.integer({ min: 0, max: 100 }), (samples, percent) => {
        const bound = upperQuantile(samples, percent / 100)!;
        expect(samples).toContain(bound);
        expect(bound).toBeGreaterThanOrEqual(quantile(samples, percent / 100)!);
      }),
    );
  });
});
