import type { StandInConfigurationInput } from './configuration.js';

const SMALL = { gpu: 'T4', load_s: [120, 200], execution_s: [20, 35] } as const;
const LARGE = { gpu: 'L4', load_s: [240, 350], execution_s: [28, 40] } as const;

/** mistral-7b is not deployed in the US: with it there would be nine endpoints, and Modal allows eight. */
const DEPLOYED = [
  { region: 'US', attested_region: 'us-east', models: ['llama3.2-1b', 'qwen2.5-1.5b'] },
  { region: 'EU', attested_region: 'eu-west', models: ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'] },
  {
    region: 'ASIA',
    attested_region: 'asia-pacific',
    models: ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'],
  },
] as const;

export interface DefaultConfigurationOptions {
  /** Simulated seconds per real second; default 60. */
  readonly timeScale?: number;
  /** Default 1. */
  readonly seed?: number;
}

/**
 * The eight endpoints of the demo, with the timings seen in the field: cold starts of two to six minutes,
 * warm answers of twenty to forty seconds.
 */
export function defaultStandInConfiguration({
  timeScale = 60,
  seed = 1,
}: DefaultConfigurationOptions = {}): StandInConfigurationInput {
  return {
    time_scale: timeScale,
    seed,
    beacon: {
      regions: {
        US: { aliases: ['us-east'] },
        EU: { aliases: ['eu-west'] },
        ASIA: { aliases: ['apac', 'asia-pacific'] },
      },
    },
    endpoints: DEPLOYED.flatMap(({ region, attested_region, models }) =>
      models.map((model) => {
        const { gpu, load_s, execution_s } = model === 'mistral-7b' ? LARGE : SMALL;
        return {
          id: `${region.toLowerCase()}-${model}`,
          region,
          attested_region,
          models: [model],
          gpu,
          boot_s: 1,
          load_s: [...load_s],
          execution_s: [...execution_s],
          scaledown_window_s: 300,
        };
      }),
    ),
  };
}
