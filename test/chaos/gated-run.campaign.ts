import { describe, it } from '@jest/globals';
import { onStack } from '../stack/stack.js';
import { GATED_RUN_SETTINGS, playGatedRun } from './gated-run.js';
import { chaosSeeds } from './moments.js';

const LIMIT_MS = 600_000;
/** Per run, each on a stack of its own: what is killed too often is restarted later and later. */
const KILLS = 10;
const RUNS = [
  { order: 'question' },
  { order: 'pipeline' },
  { order: 'region' },
  { order: 'auto' },
  { order: 'pipeline', gpuLimit: 6 },
];

/** Fifty moments a round: `npm run chaos` plays it. */
describe('a run of 64 cells with gates', () => {
  it.each(
    chaosSeeds().flatMap((seed) => RUNS.map((run, index) => ({ ...run, seed: seed * RUNS.length + index }))),
  )(
    'honours them, and asks no cell twice, at ten kills of router and runner ($order order, seed $seed)',
    ({ order, seed, gpuLimit }) =>
      onStack(
        { seed, settings: GATED_RUN_SETTINGS, ...(gpuLimit === undefined ? {} : { gpuLimit }) },
        (stack) => playGatedRun(stack, { seed, order, kills: KILLS }),
      ),
    LIMIT_MS,
  );
});
