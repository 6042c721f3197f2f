import { describe, it } from '@jest/globals';
import { onStack } from '../stack/stack.js';
import { GATED_RUN_SETTINGS, playGatedRun } from './gated-run.js';
import { chaosSeeds } from './moments.js';

const LIMIT_MS = 600_000;
const KILLS = 8;
/** A minute is enough: half as fast again as in the campaigns. */
const PLATFORM = { time_scale: 30 };

describe('a run of 64 cells with gates', () => {
  it.each(chaosSeeds())(
    'honours them, and asks no cell twice, while router and runner are killed with kill -9 (seed %i)',
    (seed) =>
      onStack({ seed, settings: GATED_RUN_SETTINGS, platform: PLATFORM }, (stack) =>
        playGatedRun(stack, { seed, order: 'question', kills: KILLS }),
      ),
    LIMIT_MS,
  );
});
