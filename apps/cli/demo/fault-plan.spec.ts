import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DEMO_SEED } from './experiment.js';
import { planFaults } from './fault-plan.js';

const ENDPOINTS = ['US', 'EU', 'ASIA'].flatMap((region) =>
  ['a', 'b'].map((model) => ({ id: `${region.toLowerCase()}-${model}`, region })),
);

describe('the failures of the demo', () => {
  it('are the same for the same seed', () => {
    expect(planFaults(ENDPOINTS, 3)).toEqual(planFaults(ENDPOINTS, 3));
    expect(planFaults(ENDPOINTS, DEMO_SEED).at(-1)?.target).toBe('ASIA');
  });

  it('are one region that goes away and one endpoint elsewhere that fails, both in mid-run and for a while', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const [failing, away] = planFaults(ENDPOINTS, seed);
        expect(away?.body).toMatchObject({ kind: 'unavailable' });
        expect(failing?.body).toMatchObject({ kind: 'status', status: 500 });
        const { region } = ENDPOINTS.find(({ id }) => id === failing?.target)!;
        expect(region).not.toBe(away?.target);
        expect(failing!.body['after_calls']).toBeGreaterThan(1);
        expect(failing!.body['count']).toBeLessThan(6);
        expect(away!.body['after_calls']).toBeGreaterThan(1);
        expect(away!.body['for_s']).toBeLessThan(120);
      }),
    );
  });
});
