import { describe, it } from '@jest/globals';
import { chaosSeeds } from './moments.js';
import { onStack } from '../stack/stack.js';
import { killing, play, SCENARIO_MS } from './scenario.js';

const REGIONS = ['US', 'EU', 'ASIA'];

describe('a run of 64 cells on 3 GPUs, which 8 endpoints hand on to each other, never holds a fourth', () => {
  it.each(chaosSeeds())(
    'while the router and the dispatchers of all regions are killed (seed %i)',
    (seed) =>
      onStack({ seed, gpuLimit: 3 }, (stack) =>
        play(stack, {
          ...{ name: 'few GPUs', seed, order: 'best' },
          strikes: (chance) => [
            ...chance.moments(2).map((moment) => killing('router', moment)),
            ...REGIONS.flatMap((region) =>
              chance.moments(1).map((moment) => killing(`dispatcher-${region}`, moment)),
            ),
          ],
          tolerance: {
            dispatcherKills: Object.fromEntries(REGIONS.map((region) => [region, 1])),
            // A dispatcher killed between a 303 and the storing of its address leaves a call that nobody finds again.
            lostOutcomes: 1,
          },
        }),
      ),
    SCENARIO_MS,
  );
});
