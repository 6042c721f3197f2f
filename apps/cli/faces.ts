/**
 * Answers as the command line reads them: what customers are not shown (endpoints, costs) may be missing, so that one
 * schema reads both faces of an answer.
 */
import {
  jobStatusSchema,
  orderPlanSchema,
  plannedOrderSchema,
  queueStatusSchema,
  regionQueueSchema,
  runCreatedSchema,
  runForecastSchema,
  runViewSchema,
} from '#contracts';
import { z } from 'zod';

const cells = { cells_per_endpoint: z.record(z.string(), z.int()).optional() };
const orderPlan = orderPlanSchema.partial({ unpriced_gpus: true });
const runPlan = runCreatedSchema.shape.plan.extend({
  ...cells,
  orders: z.array(orderPlan).optional(),
  assumed_times: z.unknown().optional(),
});

export const runCreatedFace = runCreatedSchema.extend({ plan: runPlan });
export type RunCreatedFace = z.infer<typeof runCreatedFace>;
export const runFace = runViewSchema.extend({ plan: runPlan });
export type RunFace = z.infer<typeof runFace>;

/** Customers are told region and models in place of the endpoint's id. */
const timeline = plannedOrderSchema.shape.timeline.element.partial({ endpoint_id: true }).extend({
  region: z.string().optional(),
  models: z.array(z.string()).optional(),
});
const plannedOrder = plannedOrderSchema
  .partial({ unpriced_gpus: true })
  .extend({ timeline: z.array(timeline) });
export type PlannedOrderFace = z.infer<typeof plannedOrder>;
export const forecastFace = runForecastSchema.extend({
  ...cells,
  orders: z.array(plannedOrder),
  best: runForecastSchema.shape.best.omit({ sequences: true }),
});
export type ForecastFace = z.infer<typeof forecastFace>;

export const jobFace = jobStatusSchema.extend({
  attempts: z.array(jobStatusSchema.shape.attempts.element.partial({ endpoint_id: true })),
});
export type JobFace = z.infer<typeof jobFace>;

/** Customers are told that a region is paused, not by whom and why. */
const regionQueue = regionQueueSchema.partial({ endpoints: true }).extend({
  paused: z.union([z.boolean(), regionQueueSchema.shape.paused]),
});
export const queueFace = queueStatusSchema.extend({ regions: z.record(z.string(), regionQueue) });
export type QueueFace = z.infer<typeof queueFace>;
