import type {
  ControlView,
  EndpointStatusView,
  HealthView,
  QueueStatusView,
  RegionQueueView,
} from '#contracts';
import {
  ANY_LANE,
  endpointState,
  explainWait,
  holdsGpu,
  isLive,
  regionTarget,
  type Control,
  type EndpointView,
} from '#domain';
import type { QueueCount } from '#persistence';
import type { InForce } from '../operations/in-force.js';
import { controlView, orderTargetOf } from '../operations/operations-view.js';
import { timesOf, type QueueSnapshot } from './queue-view.js';

/** The queues the way clients see them. */
export function queueReport(
  snapshot: QueueSnapshot,
  regions: readonly string[],
  inForce: Pick<InForce, 'gpuLimit' | 'onlyRegion' | 'controls'>,
  dispatcherAlive: (region: string) => boolean,
  nowMs: number,
): QueueStatusView {
  return {
    global_retry_queue_size: sum(
      snapshot.counts.filter((count) => isWaitingRetry(count) && count.lane === ANY_LANE),
    ),
    regions: Object.fromEntries(
      regions.map((region) => [
        region,
        regionReport(snapshot, region, inForce, dispatcherAlive(region), nowMs),
      ]),
    ),
    gpus_in_use: snapshot.endpoints.filter((view) => holdsGpu(view, nowMs)).length,
    gpu_limit: inForce.gpuLimit,
    as_of: new Date(snapshot.asOfMs).toISOString(),
  };
}

function regionReport(
  snapshot: QueueSnapshot,
  region: string,
  inForce: Pick<InForce, 'gpuLimit' | 'onlyRegion' | 'controls'>,
  alive: boolean,
  nowMs: number,
): RegionQueueView {
  const counts = snapshot.counts.filter((count) => count.region === region);
  const fresh = counts.filter(
    (count) => !count.is_retry && (count.state === 'queued' || count.state === 'dispatched'),
  );
  const retries = counts.filter((count) => isWaitingRetry(count) && count.lane !== ANY_LANE);
  const inFlight = counts.filter((count) => count.state === 'processing' || count.state === 'cancelling');
  const totals = snapshot.totals.get(region);
  const views = snapshot.endpoints.filter((view) => view.spec.region === region);
  const oldestMs = Math.min(...[...fresh, ...retries].map(({ oldest_ms }) => oldest_ms));
  const models = [
    ...new Set([...views.flatMap(({ spec }) => spec.models), ...counts.map(({ model }) => model)]),
  ].sort();
  return {
    queue_size: sum(fresh),
    retry_queue_size: sum(retries),
    processing: sum(inFlight) > 0,
    in_flight: sum(inFlight),
    completed: totals?.completed ?? 0,
    failed: totals?.failed ?? 0,
    cancelled: totals?.cancelled ?? 0,
    expired: totals?.expired ?? 0,
    oldest_wait_seconds: Number.isFinite(oldestMs) ? Math.max(0, Math.round(nowMs - oldestMs) / 1000) : null,
    dispatcher_alive: alive,
    paused: pauseOf(inForce.controls, regionTarget(region)),
    wait_reason: waitReason(snapshot, views, [...fresh, ...retries], inForce, nowMs),
    models: Object.fromEntries(
      models.map((model) => {
        const { warmMs, coldMs } = timesOf(snapshot, region, model);
        const ofModel = (list: readonly QueueCount[]): number =>
          sum(list.filter((count) => count.model === model));
        return [
          model,
          {
            queued: ofModel(fresh),
            retrying: ofModel(counts.filter(isWaitingRetry)),
            processing: ofModel(inFlight),
            median_execution_seconds: warmMs === undefined ? null : warmMs / 1000,
            median_cold_start_seconds: coldMs === undefined ? null : coldMs / 1000,
          },
        ];
      }),
    ),
    endpoints: views.map((view) => endpointReport(view, nowMs)),
  };
}

/** Why the first of the waiting jobs waits: those behind it wait for it. */
function waitReason(
  snapshot: QueueSnapshot,
  views: readonly EndpointView[],
  waiting: readonly QueueCount[],
  { gpuLimit, onlyRegion }: Pick<InForce, 'gpuLimit' | 'onlyRegion'>,
  nowMs: number,
): string | null {
  const blocked = waiting.find((count) => count.state !== 'dispatched');
  if (blocked === undefined) return null;
  const isPinned = blocked.lane.startsWith('pin:');
  return explainWait(
    {
      isRetry: blocked.is_retry,
      notBeforeMs: 0,
      pinnedRegion: isPinned ? blocked.region : undefined,
      aheadCount: 0,
      onlyRegion,
    },
    views
      .filter(({ spec }) => spec.models.includes(blocked.model))
      .filter(({ orders }) => isPinned || orders?.pinnedOnly !== true),
    snapshot.endpoints.filter((view) => holdsGpu(view, nowMs)).length,
    gpuLimit,
    nowMs,
  );
}

export function endpointReport(view: EndpointView, nowMs: number): EndpointStatusView {
  return {
    id: view.spec.id,
    region: view.spec.region,
    models: [...view.spec.models],
    state: endpointState(view, nowMs),
    concurrency: view.spec.concurrency,
    slots_in_use: view.leases,
    holds_gpu: holdsGpu(view, nowMs),
    consecutive_failures: view.record.consecutiveFailures,
    last_error_code: view.record.lastErrorCode,
    paused: (view.orders?.pauses ?? []).map((pause) => ({
      ...controlView(pause),
      target: orderTargetOf(pause.target).kind,
    })),
  };
}

function pauseOf(controls: readonly Control[], target: string): ControlView | null {
  const pause = controls.find((control) => control.kind === 'pause' && control.target === target);
  return pause === undefined ? null : controlView(pause);
}

/** Healthy: every endpoint may be sent work. A cold endpoint is healthy. */
export function healthReport(endpoints: readonly EndpointView[], regions: readonly string[]): HealthView {
  const healthy = endpoints.filter(isLive).length;
  return {
    status: healthy === endpoints.length ? 'healthy' : healthy > 0 ? 'degraded' : 'unhealthy',
    providers_total: endpoints.length,
    providers_healthy: healthy,
    regions: [...regions],
  };
}

/** The job waits for another attempt: between attempts, or with its ticket out but not begun. */
function isWaitingRetry(count: QueueCount): boolean {
  return (
    count.state === 'retrying' ||
    (count.is_retry && (count.state === 'queued' || count.state === 'dispatched'))
  );
}

function sum(counts: readonly QueueCount[]): number {
  return counts.reduce((total, { jobs }) => total + jobs, 0);
}
