import { describe, it } from '@jest/globals';
import { chaosSeeds } from './moments.js';
import { onStack } from '../stack/stack.js';
import { killing, play, SCENARIO_MS } from './scenario.js';

const ENDPOINTS = 8;

describe('a run of 64 cells survives', () => {
  it.each(chaosSeeds())(
    'kill -9 of nats-server, the loss of everything JetStream stored, and kill -9 of Postgres (seed %i)',
    (seed) =>
      onStack({ seed }, async (stack) => {
        await play(stack, {
          ...{ name: 'nats', seed },
          strikes: (chance) => chance.moments(2).map((moment) => killing('nats', moment)),
        });
        await play(stack, {
          ...{ name: 'store', seed },
          strikes: (chance) =>
            chance.moments(2).map((at) => ({ at, victim: 'nats', how: (one) => one.loseJetStream() })),
          tolerance: { lostOutcomes: 2 * ENDPOINTS },
        });
        await play(stack, {
          ...{ name: 'postgres', seed },
          strikes: (chance) => chance.moments(2).map((moment) => killing('postgres', moment)),
        });
      }),
    3 * SCENARIO_MS,
  );
});
