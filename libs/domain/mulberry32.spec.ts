import { describe, expect, it } from '@jest/globals';
import { mulberry32 } from './mulberry32.js';

describe('mulberry32', () => {
  it("draws the reference's numbers", () => {
    const random = mulberry32(0);
    expect([random(), random(), random()]).toEqual([
      0.26642920868471265, 0.0003297457005828619, 0.2232720274478197,
    ]);
  });

  it('takes a seed by its lower 32 bits, of whatever sign', () => {
    expect(mulberry32(-1)()).toBe(mulberry32(0xffff_ffff)());
  });
});
