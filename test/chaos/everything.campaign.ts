import { describe, it } from '@jest/globals';
import { chaosSeeds } from './moments.js';
import { onStack } from '../stack/stack.js';
import { killing, play } from './scenario.js';

const LIMIT_MS = 600_000;
const REGIONS = ['US', 'EU', 'ASIA'];
const VICTIMS = ['router', 'runner', 'nats', 'postgres', ...REGIONS.map((region) => `dispatcher-${region}`)];
const ORDERS = ['auto', 'question', 'region'];

/** Too long for every test run: `npm run chaos` plays it. */
describe('a run of 64 cells survives kill -9 of', () => {
  it.each(chaosSeeds())(
    'everything, each process at its own moments (seed %i)',
    (seed) => {
      const kills = 1 + (seed % 2);
      const options = { seed, ...(seed % 2 === 0 ? {} : { gpuLimit: 6 }) };
      return onStack(options, (stack) =>
        play(stack, {
          ...{ name: 'everything', seed, order: ORDERS[seed % ORDERS.length] ?? 'auto' },
          strikes: (chance) =>
            VICTIMS.flatMap((victim) => chance.moments(kills).map((moment) => killing(victim, moment))),
          tolerance: {
            dispatcherKills: Object.fromEntries(REGIONS.map((region) => [region, kills])),
            // NATS and a dispatcher may be killed together: then nobody could store where the call is found.
            lostOutcomes: kills,
          },
        }),
      );
    },
    LIMIT_MS,
  );
});
