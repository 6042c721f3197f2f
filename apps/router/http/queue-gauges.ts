import { ENDPOINT_STATES, WAIT_CAUSES, endpointState, holdsGpu, whyWaits, type WaitCause } from '#domain';
import type { Metrics } from '#observability';
import type { QueueCount } from '#persistence';
import type { InForce } from '../operations/in-force.js';
import type { QueueSnapshot } from '../queue/queue-view.js';

/** The queues and the endpoints at one moment. */
export function setQueueGauges(
  metrics: Metrics,
  snapshot: QueueSnapshot,
  inForce: Pick<InForce, 'gpuLimit' | 'onlyRegion'>,
  regions: readonly string[],
): void {
  const nowMs = Date.now();
  metrics.reset('beacon_queue_depth');
  metrics.reset('beacon_queue_oldest_wait_seconds');
  const depth = new Map<string, { region: string; model: string; state: string; jobs: number }>();
  const oldest = new Map<string, number>();
  for (const { region, model, state, jobs, oldest_ms } of snapshot.counts) {
    const key = `${region} ${model} ${state}`;
    depth.set(key, { region, model, state, jobs: (depth.get(key)?.jobs ?? 0) + jobs });
    if (isWaiting(state)) oldest.set(region, Math.min(oldest.get(region) ?? nowMs, oldest_ms));
  }
  for (const { jobs, ...labels } of depth.values()) metrics.set('beacon_queue_depth', labels, jobs);
  for (const [region, sinceMs] of oldest) {
    metrics.set('beacon_queue_oldest_wait_seconds', { region }, Math.max(0, nowMs - sinceMs) / 1000);
  }
  const gpusInUse = snapshot.endpoints.filter((view) => holdsGpu(view, nowMs)).length;
  metrics.set('beacon_gpus_in_use', {}, gpusInUse);
  const waiting = waitingByCause(snapshot, inForce, gpusInUse, nowMs);
  for (const region of regions) {
    for (const reason of WAIT_CAUSES)
      metrics.set('beacon_queue_waiting', { region, reason }, waiting.get(`${region} ${reason}`) ?? 0);
  }
  for (const view of snapshot.endpoints) {
    const { id: endpoint, region } = view.spec;
    const current = endpointState(view, nowMs);
    metrics.set('beacon_slots_in_use', { endpoint }, view.leases);
    for (const state of ENDPOINT_STATES) {
      metrics.set('beacon_endpoint_state', { region, endpoint, state }, state === current ? 1 : 0);
    }
  }
}

/** Why the first job of each lane and model waits: those behind it wait for it. By `<region> <cause>`. */
function waitingByCause(
  { counts, endpoints }: QueueSnapshot,
  { gpuLimit, onlyRegion }: Pick<InForce, 'gpuLimit' | 'onlyRegion'>,
  gpusInUse: number,
  nowMs: number,
): Map<string, number> {
  const byCause = new Map<string, number>();
  for (const { region, model, lane, is_retry, jobs } of counts.filter(({ state }) => isWaiting(state))) {
    const pinnedRegion = lane.startsWith('pin:') ? region : undefined;
    const servers = endpoints
      .filter(({ spec }) => spec.models.includes(model))
      .filter(({ spec }) => pinnedRegion === undefined || spec.region === pinnedRegion)
      .filter(
        ({ spec }) => pinnedRegion !== undefined || onlyRegion === undefined || spec.region === onlyRegion,
      )
      .filter(({ orders }) => pinnedRegion !== undefined || orders?.pinnedOnly !== true);
    const first = { isRetry: is_retry, notBeforeMs: 0, pinnedRegion, aheadCount: 0, onlyRegion };
    const { cause } = whyWaits(first, servers, gpusInUse, gpuLimit, nowMs);
    const key = `${region} ${cause satisfies WaitCause}`;
    byCause.set(key, (byCause.get(key) ?? 0) + jobs);
  }
  return byCause;
}

function isWaiting(state: QueueCount['state']): boolean {
  return state === 'queued' || state === 'retrying';
}
