import { describe, it } from '@jest/globals';
import { chaosSeeds } from './moments.js';
import { onStack } from '../stack/stack.js';
import { killing, play, SCENARIO_MS } from './scenario.js';

const REGIONS = ['US', 'EU', 'ASIA'];
const KILLS = 2;

describe('a run of 64 cells survives kill -9, at any moment and several times, of', () => {
  it.each(chaosSeeds())(
    'the dispatchers of all regions, each at its own moments (seed %i)',
    (seed) =>
      onStack({ seed }, (stack) =>
        play(stack, {
          ...{ name: 'dispatchers', seed },
          strikes: (chance) =>
            REGIONS.flatMap((region) =>
              chance.moments(KILLS).map((moment) => killing(`dispatcher-${region}`, moment)),
            ),
          tolerance: { dispatcherKills: Object.fromEntries(REGIONS.map((region) => [region, KILLS])) },
        }),
      ),
    SCENARIO_MS,
  );
});
