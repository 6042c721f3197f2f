import { describe, expect, it } from '@jest/globals';
import { mayAnswer } from './may-answer.js';

const PAIR = { region: 'US', model: 'm1' };

describe('a cell may be answered', () => {
  it.each([
    ['pin', 'US', ['m2', 'm1'], true],
    ['pin', 'EU', ['m1'], false],
    ['pin', 'US', ['m2'], false],
    ['prefer', 'EU', ['m1'], true],
    ['prefer', 'US', ['m2'], false],
    ['any', 'EU', ['m1'], true],
    ['any', 'EU', ['m2'], false],
  ] as const)('with the policy %s in %s by an endpoint of %j: %s', (policy, region, models, expected) => {
    expect(mayAnswer({ region, models }, PAIR, policy)).toBe(expected);
  });
});
