import { ENDPOINT_STATES, WARM_MODES, WARM_REASONS, WARM_SETTINGS } from '#domain';
import { z } from 'zod';
import { controlSchema } from './operations.js';

export const endpointViewSchema = z.object({
  id: z.string(),
  region: z.string(),
  models: z.array(z.string()),
  state: z.enum(ENDPOINT_STATES),
  concurrency: z.int(),
  /** Leased slots, the staged ticket included. */
  slots_in_use: z.int(),
  holds_gpu: z.boolean(),
  consecutive_failures: z.int(),
  last_error_code: z.string().nullable(),
  /** Its own pause, and its region's; empty: it is not paused. */
  paused: z.array(controlSchema.extend({ target: z.enum(['endpoint', 'region']) })),
});
export type EndpointStatusView = z.infer<typeof endpointViewSchema>;

export const modelQueueSchema = z.object({
  queued: z.int(),
  retrying: z.int(),
  processing: z.int(),
  /** Learned middle durations of a call, seconds; `null` while nothing has been measured. */
  median_execution_seconds: z.number().nullable(),
  median_cold_start_seconds: z.number().nullable(),
});

export const regionQueueSchema = z.object({
  /** Jobs that have not started, retries aside. */
  queue_size: z.int(),
  /** Jobs that wait for another attempt in this region. */
  retry_queue_size: z.int(),
  processing: z.boolean(),
  in_flight: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  expired: z.int(),
  /** Seconds since the oldest job that has not started was accepted; `null`: none waits. */
  oldest_wait_seconds: z.number().nullable(),
  dispatcher_alive: z.boolean(),
  /** The pause of the region as a whole; `null`: there is none. Its endpoints may be paused by themselves. */
  paused: controlSchema.nullable(),
  /** Why jobs wait here; `null`: none waits. */
  wait_reason: z.string().nullable(),
  models: z.record(z.string(), modelQueueSchema),
  endpoints: z.array(endpointViewSchema),
});
export type RegionQueueView = z.infer<typeof regionQueueSchema>;

/** Answer of `GET /queue/status`. */
export const queueStatusSchema = z.object({
  /** Jobs that wait for another attempt in whatever region is healthy. */
  global_retry_queue_size: z.int(),
  regions: z.record(z.string(), regionQueueSchema),
  gpus_in_use: z.int(),
  gpu_limit: z.int(),
  /** The moment the figures are of. */
  as_of: z.iso.datetime(),
});
export type QueueStatusView = z.infer<typeof queueStatusSchema>;

export const healthSchema = z.object({
  status: z.enum(['healthy', 'degraded', 'unhealthy']),
  providers_total: z.int(),
  providers_healthy: z.int(),
  regions: z.array(z.string()),
});
export type HealthView = z.infer<typeof healthSchema>;

export const readinessSchema = z.object({
  status: z.enum(['ready', 'not_ready']),
  database: z.boolean(),
  nats: z.boolean(),
});
export const livenessSchema = z.object({ status: z.literal('alive') });

const seconds = z.number().nullable();

/** What was learned of one model in the endpoint's region, from up to 50 calls each; `null`: nothing yet. */
export const modelTimesSchema = z.object({
  /** Of a call in a warm container. */
  warm_p50_s: seconds,
  warm_p95_s: seconds,
  /** Of a call that was its container's first, as a whole: start and work. */
  cold_p50_s: seconds,
  cold_p95_s: seconds,
  /** Calls behind these figures, warm and cold. */
  samples: z.int().min(0),
});
export type ModelTimesView = z.infer<typeof modelTimesSchema>;

/** How long idle containers stay, why, and what a longer window costs and saves. */
export const warmthSchema = z.object({
  /** What the configuration wants. */
  setting: z.enum(WARM_SETTINGS),
  /** In force. */
  mode: z.enum(WARM_MODES),
  window_s: z.number(),
  /** Since when the mode is in force; `null`: since ever. */
  since: z.iso.datetime().nullable(),
  /** Why the mode is wanted that is in force, or about to be. */
  reason: z.enum(WARM_REASONS),
  /** Window that the sums are about: the one in force, or `hybrid` where the configured one is. */
  judged_window_s: z.number(),
  /** Over the recent attempts, what that window costs beyond the configured one; negative for a shorter one. */
  idle_gpu_seconds: z.number(),
  /** What it saves; `null`: nobody knows how long a cold start takes there. */
  cold_start_seconds_saved: seconds,
  /** Whether it saves as much as it costs; `null`: nothing to judge by. */
  pays: z.boolean().nullable(),
});
export type WarmthView = z.infer<typeof warmthSchema>;

export const providerSchema = endpointViewSchema.extend({
  warm: warmthSchema,
  times: z.record(z.string(), modelTimesSchema),
});
export type ProviderView = z.infer<typeof providerSchema>;
export const providersSchema = z.object({ providers: z.array(providerSchema) });
