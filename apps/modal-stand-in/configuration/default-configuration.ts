import { PERSONAS } from '../engine/real-model/personas.js';
import type { StandInConfigurationInput } from './configuration.js';

const SMALL = { gpu: 'T4', load_s: [120, 200], execution_s: [20, 35] } as const;
const LARGE = { gpu: 'L4', load_s: [240, 350], execution_s: [28, 40] } as const;

/** Two small models everywhere, and a large one that is not in the US: nine endpoints, and Modal allows eight. */
const SIMULATED_MODELS = ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'] as const;
const REAL_MODELS = [PERSONAS[0].model, PERSONAS[1].model, PERSONAS[2].model] as const;

const DEPLOYED = [
  { region: 'US', attested_region: 'us-east', large: false },
  { region: 'EU', attested_region: 'eu-west', large: true },
  { region: 'ASIA', attested_region: 'asia-pacific', large: true },
] as const;

const SIMULATED_TIME_SCALE = 60;
/** Computing takes real time: at 60, an answer of three seconds would last as long as a simulated cold start. */
const REAL_TIME_SCALE = 20;
/** With a model that computes on a slow machine, eight answers wait for each other. */
const REAL_EXECUTION_TIMEOUT_S = 3600;

export interface DefaultConfigurationOptions {
  /** Simulated seconds per real second; default 60, with the real model 20. */
  readonly timeScale?: number;
  /** Default 1. */
  readonly seed?: number;
  /** The endpoints serve the real model under its own names, and say that it runs on a CPU. */
  readonly realModel?: boolean;
}

/**
 * The eight endpoints of the demo, with the timings seen in the field: cold starts of two to six minutes,
 * warm answers of twenty to forty seconds.
 */
export function defaultStandInConfiguration({
  realModel = false,
  timeScale = realModel ? REAL_TIME_SCALE : SIMULATED_TIME_SCALE,
  seed = 1,
}: DefaultConfigurationOptions = {}): StandInConfigurationInput {
  const [first, second, third] = realModel ? REAL_MODELS : SIMULATED_MODELS;
  const gpuOf = (gpu: string): string => (realModel ? 'CPU' : gpu);
  return {
    time_scale: timeScale,
    seed,
    beacon: {
      regions: {
        US: { aliases: ['us-east'] },
        EU: { aliases: ['eu-west'] },
        ASIA: { aliases: ['apac', 'asia-pacific'] },
      },
      ...(realModel ? { execution_timeout_s: REAL_EXECUTION_TIMEOUT_S } : {}),
    },
    endpoints: DEPLOYED.flatMap(({ region, attested_region, large }) =>
      [first, second, ...(large ? [third] : [])].map((model) => {
        const { gpu, load_s, execution_s } = model === third ? LARGE : SMALL;
        return {
          id: `${region.toLowerCase()}-${model}`,
          region,
          attested_region,
          models: [model],
          gpu: gpuOf(gpu),
          boot_s: 1,
          load_s: [...load_s],
          execution_s: [...execution_s],
          scaledown_window_s: 300,
        };
      }),
    ),
  };
}
