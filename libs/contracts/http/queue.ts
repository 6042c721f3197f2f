import { ENDPOINT_STATES, WARM_MODES, WARM_REASONS, WARM_SETTINGS } from '#domain';
import { z } from 'zod';
import { controlSchema } from './operations.js';

export const endpointViewSchema = z
  .object({
    id: z.string(),
    region: z.string(),
    models: z.array(z.string()),
    state: z.enum(ENDPOINT_STATES),
    concurrency: z.int(),
    slots_in_use: z.int().describe('Leased slots, the staged ticket included.'),
    holds_gpu: z.boolean(),
    consecutive_failures: z.int(),
    last_error_code: z.string().nullable(),
    paused: z
      .array(controlSchema.extend({ target: z.enum(['endpoint', 'region']) }))
      .describe("Its own pause, and its region's; empty: it is not paused."),
  })
  .meta({ id: 'Endpoint' });
export type EndpointStatusView = z.infer<typeof endpointViewSchema>;

export const modelQueueSchema = z
  .object({
    queued: z.int(),
    retrying: z.int(),
    processing: z.int(),
    median_execution_seconds: z
      .number()
      .nullable()
      .describe('Learned middle durations of a call, seconds; `null` while nothing has been measured.'),
    median_cold_start_seconds: z.number().nullable(),
  })
  .meta({ id: 'ModelQueue' });

export const regionQueueSchema = z
  .object({
    queue_size: z.int().describe('Jobs that have not started, retries aside.'),
    retry_queue_size: z.int().describe('Jobs that wait for another attempt in this region.'),
    processing: z.boolean(),
    in_flight: z.int(),
    completed: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    expired: z.int(),
    oldest_wait_seconds: z
      .number()
      .nullable()
      .describe('Seconds since the oldest job that has not started was accepted; `null`: none waits.'),
    dispatcher_alive: z.boolean(),
    paused: controlSchema
      .nullable()
      .describe(
        'The pause of the region as a whole; `null`: there is none. Its endpoints may be paused by themselves.',
      ),
    wait_reason: z.string().nullable().describe('Why jobs wait here; `null`: none waits.'),
    models: z.record(z.string(), modelQueueSchema),
    endpoints: z.array(endpointViewSchema),
  })
  .meta({ id: 'RegionQueue' });
/** Answer of `GET /queue/status/{region}`. */
export const regionQueueStatusSchema = regionQueueSchema
  .extend({ region: z.string() })
  .meta({ id: 'RegionQueueStatus' });
export type RegionQueueView = z.infer<typeof regionQueueSchema>;

/** Answer of `GET /queue/status`. */
export const queueStatusSchema = z
  .object({
    global_retry_queue_size: z
      .int()
      .describe('Jobs that wait for another attempt in whatever region is healthy.'),
    regions: z.record(z.string(), regionQueueSchema),
    gpus_in_use: z.int(),
    gpu_limit: z.int(),
    as_of: z.iso.datetime().describe('The moment the figures are of.'),
  })
  .meta({ id: 'QueueStatus' });
export type QueueStatusView = z.infer<typeof queueStatusSchema>;

export const healthSchema = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    providers_total: z.int(),
    providers_healthy: z.int(),
    regions: z.array(z.string()),
  })
  .meta({ id: 'Health' });
export type HealthView = z.infer<typeof healthSchema>;

export const readinessSchema = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    database: z.boolean(),
    nats: z.boolean(),
  })
  .meta({ id: 'Readiness' });
export const livenessSchema = z.object({ status: z.literal('alive') }).meta({ id: 'Liveness' });

const seconds = z.number().nullable();

/** What was learned of one model in the endpoint's region, from up to 50 calls each; `null`: nothing yet. */
export const modelTimesSchema = z
  .object({
    warm_p50_s: seconds.describe('Of a call in a warm container.'),
    warm_p95_s: seconds,
    cold_p50_s: seconds.describe("Of a call that was its container's first, as a whole: start and work."),
    cold_p95_s: seconds,
    samples: z.int().min(0).describe('Calls behind these figures, warm and cold.'),
  })
  .meta({ id: 'ModelTimes' });
export type ModelTimesView = z.infer<typeof modelTimesSchema>;

/** How long idle containers stay, why, and what a longer window costs and saves. */
export const warmthSchema = z
  .object({
    setting: z.enum(WARM_SETTINGS).describe('What the configuration wants.'),
    mode: z.enum(WARM_MODES).describe('In force.'),
    window_s: z.number(),
    since: z.iso.datetime().nullable().describe('Since when the mode is in force; `null`: since ever.'),
    reason: z.enum(WARM_REASONS).describe('Why the mode is wanted that is in force, or about to be.'),
    judged_window_s: z
      .number()
      .describe('Window that the sums are about: the one in force, or `hybrid` where the configured one is.'),
    idle_gpu_seconds: z
      .number()
      .describe(
        'Over the recent attempts, what that window costs beyond the configured one; negative for a shorter one.',
      ),
    cold_start_seconds_saved: seconds.describe(
      'What it saves; `null`: nobody knows how long a cold start takes there.',
    ),
    pays: z
      .boolean()
      .nullable()
      .describe('Whether it saves as much as it costs; `null`: nothing to judge by.'),
  })
  .meta({ id: 'Warmth' });
export type WarmthView = z.infer<typeof warmthSchema>;

export const providerSchema = endpointViewSchema
  .extend({
    warm: warmthSchema,
    times: z.record(z.string(), modelTimesSchema),
  })
  .meta({ id: 'Provider' });
export type ProviderView = z.infer<typeof providerSchema>;
export const providersSchema = z.object({ providers: z.array(providerSchema) }).meta({ id: 'ProviderList' });
