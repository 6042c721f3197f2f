import type { RequestedOrder } from '#domain';

/** A minute of the stand-in's cold starts passes in a second. */
export const DEMO_TIME_SCALE = 60;
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

/** Body of `POST /runs`. */
export function demoRun(order: RequestedOrder): Readonly<Record<string, unknown>> {
  return {
    name: 'demo: the same questions from three regions',
    questions: DEMO_QUESTION_IDS,
    models: DEMO_MODELS,
    regions: DEMO_REGIONS,
    region_policy: 'pin',
    order,
  };
}
