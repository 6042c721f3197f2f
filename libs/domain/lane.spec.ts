import { describe, expect, it } from '@jest/globals';
import { ANY_LANE, laneOf } from './lane.js';

describe('the lane of a job', () => {
  it.each([
    ['pin', true, 'pin:US'],
    // Intake refuses it; a configuration that changed later must not let it out.
    ['pin', false, 'pin:US'],
    ['prefer', true, 'prefer:US'],
    ['prefer', false, ANY_LANE],
    ['any', true, ANY_LANE],
    ['any', false, ANY_LANE],
  ] as const)('that is %s, in a region that serves its model (%s), is %s', (policy, serves, lane) => {
    expect(laneOf(policy, 'US', serves)).toBe(lane);
  });
});
