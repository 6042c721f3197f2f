import { describe, it } from '@jest/globals';
import { onStack } from '../stack/stack.js';
import { CAMPAIGN_OPTIONS, playJobs } from './job-campaign.js';
import { WEBHOOK_INVARIANTS } from './job-invariants.js';
import { chaosSeeds } from './moments.js';
import { killing } from './scenario.js';

const LIMIT_MS = 600_000;
const VICTIMS = ['router', 'runner', 'nats', 'postgres', 'dispatcher-US', 'dispatcher-EU', 'dispatcher-ASIA'];
const KILLS = 2;

/** Too long for every test run: `npm run chaos` plays it. */
describe('1,000 jobs with webhooks', () => {
  it.each(chaosSeeds())(
    'are each told of under one id, at kill -9 of every process, twice (seed %i)',
    (seed) =>
      onStack({ seed, ...CAMPAIGN_OPTIONS }, (stack) =>
        playJobs(stack, {
          ...{ name: 'thousand webhooks', seed, jobs: 1000, invariants: WEBHOOK_INVARIANTS },
          strikes: (chance, answers) =>
            VICTIMS.flatMap((victim) =>
              chance.moments(KILLS, answers).map((moment) => killing(victim, moment)),
            ),
        }),
      ),
    LIMIT_MS,
  );
});
