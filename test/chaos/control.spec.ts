import { describe, it } from '@jest/globals';
import { chaosSeeds } from './moments.js';
import { onStack } from '../stack/stack.js';
import { killing, play, SCENARIO_MS } from './scenario.js';

const KILLS = 3;

describe('a run of 64 cells survives kill -9, at any moment and several times, of', () => {
  it.each(chaosSeeds())(
    'the router, and the runner, with fewer GPUs than endpoints (seed %i)',
    (seed) =>
      onStack({ seed, gpuLimit: 6 }, async (stack) => {
        for (const victim of ['router', 'runner']) {
          await play(stack, {
            ...{ name: victim, seed },
            strikes: (chance) => chance.moments(KILLS).map((moment) => killing(victim, moment)),
          });
        }
      }),
    2 * SCENARIO_MS,
  );
});
