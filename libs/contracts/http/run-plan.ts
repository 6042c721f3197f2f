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
        /** Stands for `budget: { usd }`, and may be 0, which no run may have. */
        budget_usd: z.number().min(0).max(USD_MAX).optional(),
      })
      // Two budgets could contradict each other, and nobody could say which of them was meant.
      .refine(({ budget, budget_usd }) => budget === undefined || budget_usd === undefined, {
        path: ['budget_usd'],
        message: 'is short for budget.usd and cannot be given beside budget',
      })
  );
}

/** Whether a time was measured there, taken from other regions' measurements of the model, or assumed. */
const timeSourceSchema = z.enum(['learned', 'other_region', 'assumed']);

const timelineSchema = z.object({
  endpoint_id: z.string(),
  intervals: z.array(
    z.object({
      state: z.enum(['warming', 'busy', 'idle']),
      from_s: z.number(),
      to_s: z.number(),
      /** First and last question answered; null unless busy. */
      from_question: z.string().nullable(),
      to_question: z.string().nullable(),
    }),
  ),
});

export const plannedOrderSchema = orderPlanSchema.extend({
  /** Whether deadline and budget are kept; null where the cost is not known. */
  feasible: z.boolean().nullable(),
  infeasible_because: z.array(z.string()),
  timeline: z.array(timelineSchema),
  /** The timeline leaves something out. */
  timeline_truncated: z.boolean(),
});
export type PlannedOrderView = z.infer<typeof plannedOrderSchema>;

/** Answer of `POST /runs/plan`. */
export const runForecastSchema = z.object({
  total_cells: z.int(),
  unavailable: z.array(runPairSchema),
  /** What `POST /runs` would take. */
  order: z.enum(RUN_ORDERS),
  requested_order: z.enum(REQUESTED_ORDERS),
  reason: z.string(),
  feasible: z.boolean().nullable(),
  gpu_limit: z.int(),
  cells_per_endpoint: z.record(z.string(), z.int()),
  orders: z.array(plannedOrderSchema),
  best: z.object({
    /** The order that is as fast or faster, and is taken instead; null where none is. */
    same_as: z.enum(RUN_ORDERS).nullable(),
    /** No order that starts each endpoint once is faster. */
    optimal: z.boolean(),
    lower_bound_s: z.number(),
    /** By how much the makespan may be above the optimum: 0.02 is 2 %. */
    gap: z.number(),
    /** By GPU: endpoints in the sequence in which they have it. */
    sequences: z.array(z.array(z.string())),
  }),
  times: z.array(
    runPairSchema.extend({
      warm_s: z.number(),
      cold_start_s: z.number(),
      warm_source: timeSourceSchema,
      cold_source: timeSourceSchema,
    }),
  ),
  /** What the plan takes for granted. */
  notes: z.array(z.string()),
});
export type RunForecastView = z.infer<typeof runForecastSchema>;
