import { REQUESTED_ORDERS, RUN_ORDERS } from '#domain';
import { z } from 'zod';

const pair = z.strictObject({ model: z.string(), region: z.string() });

/** Money is null for whoever is not shown it. */
const orderPlan = {
  order: z.enum(RUN_ORDERS),
  makespan_s: z.number(),
  gpu_seconds: z.strictObject({
    cold_start: z.number(),
    busy: z.number(),
    idle: z.number(),
    total: z.number(),
  }),
  cost_usd: z.number().nullable(),
  cold_starts: z.int(),
  peak_gpus: z.int(),
  exact: z.boolean(),
};
const charterOrderPlanSchema = z.strictObject(orderPlan).meta({ id: 'OrderPlanCharter' });

/** The plan that is kept with a run. */
export const charterRunPlanSchema = z
  .strictObject({
    order: z.enum(RUN_ORDERS),
    requested_order: z.enum(REQUESTED_ORDERS),
    reason: z.string(),
    cells_per_region: z.record(z.string(), z.int()),
    estimated_makespan_seconds: z.number().nullable(),
    estimated_cost_usd: z.number().nullable(),
    orders: z.array(charterOrderPlanSchema),
    assumed_times: z.boolean().nullable(),
  })
  .meta({ id: 'RunPlanCharter' });
export type CharterRunPlan = z.input<typeof charterRunPlanSchema>;

const timeSource = z.enum(['learned', 'other_region', 'assumed']);

/** Where work is done, in place of the endpoint's id. */
const place = { region: z.string(), models: z.array(z.string()) };

export const charterForecastSchema = z
  .strictObject({
    total_cells: z.int(),
    unavailable: z.array(pair),
    order: z.enum(RUN_ORDERS),
    requested_order: z.enum(REQUESTED_ORDERS),
    reason: z.string(),
    feasible: z.boolean().nullable(),
    gpu_limit: z.int(),
    cells_per_region: z.record(z.string(), z.int()),
    orders: z.array(
      z.strictObject({
        ...orderPlan,
        feasible: z.boolean().nullable(),
        infeasible_because: z.array(z.string()),
        timeline: z.array(
          z.strictObject({
            ...place,
            intervals: z.array(
              z.strictObject({
                state: z.enum(['warming', 'busy', 'idle']),
                from_s: z.number(),
                to_s: z.number(),
                from_question: z.string().nullable(),
                to_question: z.string().nullable(),
              }),
            ),
          }),
        ),
        timeline_truncated: z.boolean(),
      }),
    ),
    best: z.strictObject({
      same_as: z.enum(RUN_ORDERS).nullable(),
      optimal: z.boolean(),
      lower_bound_s: z.number(),
      gap: z.number(),
      sequences: z
        .array(z.array(z.strictObject(place)))
        .describe('By GPU: places in the sequence in which they have it.'),
    }),
    times: z.array(
      z.strictObject({
        model: z.string(),
        region: z.string(),
        warm_s: z.number(),
        cold_start_s: z.number(),
        warm_source: timeSource,
        cold_source: timeSource,
      }),
    ),
    notes: z.array(z.string()),
  })
  .meta({ id: 'RunForecastCharter' });
