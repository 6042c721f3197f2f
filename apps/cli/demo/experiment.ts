import type { RequestedOrder } from '#domain';

/** A minute of the stand-in's cold starts passes in a second. */
const DEMO_TIME_SCALE = 60;
/** With this one ASIA goes away while an endpoint there is still starting. */
export const DEMO_SEED = 5;

/** Ids of the question bank's questions, in the order in which they are asked. */
export const DEMO_QUESTION_IDS = [
  'tiananmen_neutral',
  'taiwan_status',
  'hongkong_2019',
  'math_basic',
  'geography_basic',
  'identity_basic',
  'greatest_invention',
  'greatest_leader',
] as const;
export const DEMO_MODELS = ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'] as const;
export const DEMO_REGIONS = ['US', 'EU', 'ASIA'] as const;

/** Cells per region: mistral-7b is not deployed in the US. */
export const EXPECTED_CELLS: Readonly<Record<string, number>> = { US: 16, EU: 24, ASIA: 24 };
export const EXPECTED_TOTAL = 64;

/** Whose answers the demo collects. */
export interface Experiment {
  readonly models: readonly [string, string, string];
  readonly isReal: boolean;
  /** Simulated seconds per real second. */
  readonly timeScale: number;
  /** Once everything is fetched. Whatever takes longer hangs. */
  readonly timeLimitMs: number;
  /** How the models are asked; absent: as they are by default. */
  readonly sampling: { readonly temperature?: number; readonly max_tokens?: number };
  /** What a reader must know of the answers, before and after. */
  readonly about: readonly string[];
}

export const SIMULATED_EXPERIMENT: Experiment = {
  models: DEMO_MODELS,
  isReal: false,
  timeScale: DEMO_TIME_SCALE,
  timeLimitMs: 240_000,
  sampling: {},
  about: [
    'All answers are SIMULATED: canned texts of the stand-in, the same every time. They say nothing about any real model.',
  ],
};

/** The names are those that the stand-in gives its one real model. */
export const REAL_EXPERIMENT: Experiment = {
  models: ['smollm2-135m-plain', 'smollm2-135m-brief', 'smollm2-135m-teacher'],
  isReal: true,
  // Slower than with canned answers: computing one takes a second or more of real time, whatever the scale.
  timeScale: 20,
  timeLimitMs: 900_000,
  // The regions' seeds show where there is something to sample; a longer answer adds nothing to a table.
  sampling: { temperature: 0.2, max_tokens: 72 },
  about: [
    "All answers are REAL: generated on this machine's CPU by SmolLM2-135M-Instruct (135 million parameters, 4 bits). The three models are three prompts of that one model.",
    'The regions are SIMULATED: the same weights and prompts answer for all of them, with another seed for each. Differences between regions are sampling and nothing else. A model this small is often wrong, and its answers are cut at 72 tokens.',
  ],
};

/** Body of `POST /runs`. */
export function demoRun(
  { models, sampling }: Experiment,
  order: RequestedOrder,
): Readonly<Record<string, unknown>> {
  return {
    name: 'demo: the same questions from three regions',
    questions: DEMO_QUESTION_IDS,
    models,
    regions: DEMO_REGIONS,
    region_policy: 'pin',
    ...sampling,
    order,
  };
}
