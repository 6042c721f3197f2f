import { REQUESTED_ORDERS, RUN_ORDERS } from '#domain';
import { z } from 'zod';
import { DEFAULT_REQUEST_LIMITS, type RequestLimits } from './inference.js';
import { orderPlanSchema } from './order-plan.js';
import { USD_MAX } from './run-budget.js';
import { runPairSchema, runRequestSchema } from './runs.js';

/** Body of `POST /runs/plan`: that of `POST /runs`, and a shorthand for its budget. */
export function runPlanRequestSchema(limits: RequestLimits = DEFAULT_REQUEST_LIMITS) {
  return (
    runRequestSchema(limits)
      .extend({
        budget_usd: z
          .number()
          .min(0)
          .max(USD_MAX)
          .optional()
          .describe('Stands for `budget: { usd }`, and may be 0, which no run may have.'),
      })
      // Two budgets could contradict each other, and nobody could say which of them was meant.
      .refine(({ budget, budget_usd }) => budget === undefined || budget_usd === undefined, {
        path: ['budget_usd'],
        message: 'is short for budget.usd and cannot be given beside budget',
      })
      .meta({ id: 'RunPlanRequest' })
  );
}

/** Whether a time was measured there, taken from other regions' measurements of the model, or assumed. */
const timeSourceSchema = z.enum(['learned', 'other_region', 'assumed']);

const timelineSchema = z
  .object({
    endpoint_id: z.string(),
    intervals: z.array(
      z.object({
        state: z.enum(['warming', 'busy', 'idle']),
        from_s: z.number(),
        to_s: z.number(),
        from_question: z.string().nullable().describe('First and last question answered; null unless busy.'),
        to_question: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'Timeline' });

export const plannedOrderSchema = orderPlanSchema
  .extend({
    feasible: z
      .boolean()
      .nullable()
      .describe('Whether deadline and budget are kept; null where the cost is not known.'),
    infeasible_because: z.array(z.string()),
    timeline: z.array(timelineSchema),
    timeline_truncated: z
      .boolean()
      .describe('There was too much: the timeline ends before the run does, or leaves endpoints out.'),
  })
  .meta({ id: 'PlannedOrder' });
export type PlannedOrderView = z.infer<typeof plannedOrderSchema>;

/** Answer of `POST /runs/plan`. */
export const runForecastSchema = z
  .object({
    total_cells: z.int(),
    unavailable: z.array(runPairSchema),
    order: z.enum(RUN_ORDERS).describe('What `POST /runs` would take.'),
    requested_order: z.enum(REQUESTED_ORDERS),
    reason: z.string(),
    feasible: z.boolean().nullable(),
    gpu_limit: z.int(),
    cells_per_endpoint: z.record(z.string(), z.int()),
    orders: z.array(plannedOrderSchema),
    best: z.object({
      same_as: z
        .enum(RUN_ORDERS)
        .nullable()
        .describe('The order that is as fast or faster, and is taken instead; null where none is.'),
      optimal: z.boolean().describe('No order that starts each endpoint once is faster.'),
      lower_bound_s: z.number(),
      gap: z.number().describe('By how much the makespan may be above the optimum: 0.02 is 2 %.'),
      sequences: z
        .array(z.array(z.string()))
        .describe('By GPU: endpoints in the sequence in which they have it.'),
    }),
    times: z.array(
      runPairSchema.extend({
        warm_s: z.number(),
        cold_start_s: z.number(),
        warm_source: timeSourceSchema,
        cold_source: timeSourceSchema,
      }),
    ),
    notes: z.array(z.string()).describe('What the plan takes for granted.'),
  })
  .meta({ id: 'RunForecast' });
export type RunForecastView = z.infer<typeof runForecastSchema>;
