import { RUN_ORDERS } from '#domain';
import { z } from 'zod';

/** What is to be expected of a run in one order; kept with the run that was made of it. */
export const orderPlanSchema = z
  .object({
    order: z.enum(RUN_ORDERS),
    makespan_s: z.number(),
    gpu_seconds: z
      .object({
        cold_start: z.number(),
        busy: z.number(),
        idle: z.number(),
        total: z.number(),
      })
      .describe(
        'For which containers hold GPUs. `idle`: between calls, and up to the end of the scale-down window.',
      ),
    cost_usd: z.number().nullable().describe('Null where the price of a GPU is not known.'),
    unpriced_gpus: z.array(z.string()),
    cold_starts: z.int(),
    peak_gpus: z.int().describe('Held at once by endpoints of the run.'),
    exact: z
      .boolean()
      .describe('Whether every call was simulated; otherwise a part of the run stands for the rest.'),
  })
  .meta({ id: 'OrderPlan' });
export type OrderPlanView = z.infer<typeof orderPlanSchema>;
