import { describe, it } from '@jest/globals';
import { onStack } from '../stack/stack.js';
import { CAMPAIGN_OPTIONS, playJobs } from './job-campaign.js';
import { WEBHOOK_INVARIANTS } from './job-invariants.js';
import { chaosSeeds } from './moments.js';
import { killing } from './scenario.js';

const LIMIT_MS = 600_000;
const VICTIMS = ['runner', 'router', 'postgres', 'nats', 'dispatcher-US', 'dispatcher-EU', 'dispatcher-ASIA'];

describe('60 jobs with webhooks', () => {
  it.each(chaosSeeds())(
    'are each told of under one id, at kill -9 of the runner and of two others (seed %i)',
    (seed) =>
      onStack({ seed, ...CAMPAIGN_OPTIONS }, (stack) =>
        playJobs(stack, {
          ...{ name: 'webhooks', seed, jobs: 60, invariants: WEBHOOK_INVARIANTS },
          strikes: (chance, answers) => {
            const first = chance.between(1, VICTIMS.length - 1);
            const second = 1 + ((first - 1 + chance.between(1, VICTIMS.length - 2)) % (VICTIMS.length - 1));
            return ['runner', VICTIMS[first] ?? '', VICTIMS[second] ?? ''].flatMap((victim) =>
              chance.moments(1, answers).map((moment) => killing(victim, moment)),
            );
          },
        }),
      ),
    LIMIT_MS,
  );
});
