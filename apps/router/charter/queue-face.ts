import {
  charterQueueStatusSchema,
  charterRegionQueueSchema,
  charterView,
  type CharterRegionQueue,
  type CharterView,
  type QueueStatusView,
  type RegionQueueView,
} from '#contracts';

export function charterQueueStatus(view: QueueStatusView): CharterView<typeof charterQueueStatusSchema> {
  return charterView(charterQueueStatusSchema, {
    global_retry_queue_size: view.global_retry_queue_size,
    regions: Object.fromEntries(
      Object.entries(view.regions).map(([region, queue]) => [region, regionQueue(queue)]),
    ),
    gpus_in_use: view.gpus_in_use,
    gpu_limit: view.gpu_limit,
    as_of: view.as_of,
  });
}

export function charterRegionQueue(
  region: string,
  queue: RegionQueueView,
): CharterView<typeof charterRegionQueueSchema> {
  return charterView(charterRegionQueueSchema, { region, ...regionQueue(queue) });
}

function regionQueue(queue: RegionQueueView): CharterRegionQueue {
  return {
    queue_size: queue.queue_size,
    retry_queue_size: queue.retry_queue_size,
    processing: queue.processing,
    in_flight: queue.in_flight,
    completed: queue.completed,
    failed: queue.failed,
    cancelled: queue.cancelled,
    expired: queue.expired,
    oldest_wait_seconds: queue.oldest_wait_seconds,
    dispatcher_alive: queue.dispatcher_alive,
    paused: queue.paused !== null,
    wait_reason: queue.wait_reason,
    models: Object.fromEntries(
      Object.entries(queue.models).map(([model, counts]) => [
        model,
        {
          queued: counts.queued,
          retrying: counts.retrying,
          processing: counts.processing,
          median_execution_seconds: counts.median_execution_seconds,
          median_cold_start_seconds: counts.median_cold_start_seconds,
        },
      ]),
    ),
  };
}
