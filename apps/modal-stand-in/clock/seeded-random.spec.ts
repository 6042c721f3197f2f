import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SeededRandom } from './seeded-random.js';

describe('seeded random numbers', () => {
  it('are the same for the same seed and stream, and others for another stream', () => {
    const draw = (seed: number, stream: string): number[] => {
      const random = new SeededRandom(seed, stream);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw(7, 'a')).toEqual(draw(7, 'a'));
    expect(draw(7, 'a')).not.toEqual(draw(7, 'b'));
    expect(draw(7, 'a')).not.toEqual(draw(8, 'a'));
  });

  it('stay within their range', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(1000), fc.nat(1000), (seed, low, width) => {
        const drawn = new SeededRandom(seed, 's').between([low, low + width]);
        expect(drawn).toBeGreaterThanOrEqual(low);
        expect(drawn).toBeLessThanOrEqual(low + width);
      }),
    );
  });
});
