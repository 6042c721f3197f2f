import { z } from 'zod';

const modelQueue = z.strictObject({
  queued: z.int(),
  retrying: z.int(),
  processing: z.int(),
  median_execution_seconds: z.number().nullable(),
  median_cold_start_seconds: z.number().nullable(),
});

/** Of one region, without its endpoints. */
const regionQueue = z.strictObject({
  queue_size: z.int(),
  retry_queue_size: z.int(),
  processing: z.boolean(),
  in_flight: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  expired: z.int(),
  oldest_wait_seconds: z.number().nullable(),
  dispatcher_alive: z.boolean(),
  paused: z.boolean().describe('Operations have paused the region as a whole. Why is theirs to say.'),
  wait_reason: z.string().nullable(),
  models: z.record(z.string(), modelQueue),
});
export type CharterRegionQueue = z.input<typeof regionQueue>;

export const charterQueueStatusSchema = z
  .strictObject({
    global_retry_queue_size: z.int(),
    regions: z.record(z.string(), regionQueue),
    gpus_in_use: z.int(),
    gpu_limit: z.int(),
    as_of: z.iso.datetime(),
  })
  .meta({ id: 'QueueStatusCharter' });

export const charterRegionQueueSchema = z
  .strictObject({ ...regionQueue.shape, region: z.string() })
  .meta({ id: 'RegionQueueStatusCharter' });
