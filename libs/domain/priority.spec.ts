import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PRIORITIES } from './job.js';
import { orderKeyMs, type AgeingPolicy } from './priority.js';

const ageing: AgeingPolicy = { normalMs: 1_800_000, lowMs: 7_200_000 };
const created = fc.integer({ min: 0, max: 2_000_000_000_000 });
const policies = fc
  .tuple(fc.nat(86_400_000), fc.nat(86_400_000))
  .map(([one, other]): AgeingPolicy => ({ normalMs: Math.min(one, other), lowMs: Math.max(one, other) }));
const goesFirst = (left: number, right: number): boolean => left < right;

describe('the order of waiting jobs', () => {
  it.each([
    ['high', 0],
    ['normal', 1_800_000],
    ['low', 7_200_000],
  ] as const)('lets a %s job be overtaken for %d ms', (priority, allowanceMs) => {
    expect(orderKeyMs(5000, priority, ageing)).toBe(5000 + allowanceMs);
  });

  it('is by whole numbers, also where a fraction of a second was configured', () => {
    const fractions = { normalMs: 0.5, lowMs: 1500.25 };
    for (const priority of PRIORITIES)
      expect(Number.isInteger(orderKeyMs(5000, priority, fractions))).toBe(true);
  });

  it('is first come, first served within a class', () => {
    fc.assert(
      fc.property(
        created,
        created,
        fc.constantFrom(...PRIORITIES),
        policies,
        (one, other, priority, policy) => {
          fc.pre(one !== other);
          expect(goesFirst(orderKeyMs(one, priority, policy), orderKeyMs(other, priority, policy))).toBe(
            one < other,
          );
        },
      ),
    );
  });

  it('puts the higher class first among jobs of the same age', () => {
    fc.assert(
      fc.property(created, policies, (createdMs, policy) => {
        const keys = PRIORITIES.map((priority) => orderKeyMs(createdMs, priority, policy));
        expect(keys).toEqual([...keys].sort((left, right) => left - right));
      }),
    );
  });

  it('bounds how long new jobs of higher classes may overtake: nobody starves', () => {
    fc.assert(
      fc.property(
        created,
        fc.constantFrom(...PRIORITIES),
        fc.constantFrom(...PRIORITIES),
        fc.nat(86_400_000),
        policies,
        (createdMs, mine, theirs, laterMs, policy) => {
          const boundMs = { high: 0, normal: policy.normalMs, low: policy.lowMs }[mine];
          fc.pre(laterMs > boundMs);
          const newcomer = orderKeyMs(createdMs + laterMs, theirs, policy);
          expect(goesFirst(orderKeyMs(createdMs, mine, policy), newcomer)).toBe(true);
        },
      ),
    );
  });
});
