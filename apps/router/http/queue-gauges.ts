import { ENDPOINT_STATES, endpointState, holdsGpu } from '#domain';
import type { Metrics } from '#observability';
import type { QueueSnapshot } from '../queue/queue-view.js';

/** Gauges that are read from rows when Prometheus asks, so that they are right after a restart too. */
export function setQueueGauges(metrics: Metrics, snapshot: QueueSnapshot): void {
  const nowMs = Date.now();
  metrics.reset('beacon_queue_depth');
  metrics.reset('beacon_queue_oldest_wait_seconds');
  const depth = new Map<string, { region: string; model: string; state: string; jobs: number }>();
  const oldest = new Map<string, number>();
  for (const { region, model, state, jobs, oldest_ms } of snapshot.counts) {
    const key = `${region} ${model} ${state}`;
    depth.set(key, { region, model, state, jobs: (depth.get(key)?.jobs ?? 0) + jobs });
    if (state === 'queued' || state === 'retrying')
      oldest.set(region, Math.min(oldest.get(region) ?? nowMs, oldest_ms));
  }
  for (const { jobs, ...labels } of depth.values()) metrics.set('beacon_queue_depth', labels, jobs);
  for (const [region, sinceMs] of oldest) {
    metrics.set('beacon_queue_oldest_wait_seconds', { region }, Math.max(0, nowMs - sinceMs) / 1000);
  }
  metrics.set('beacon_gpus_in_use', {}, snapshot.endpoints.filter((view) => holdsGpu(view, nowMs)).length);
  for (const view of snapshot.endpoints) {
    const endpoint = view.spec.id;
    const current = endpointState(view, nowMs);
    metrics.set('beacon_slots_in_use', { endpoint }, view.leases);
    for (const state of ENDPOINT_STATES) {
      metrics.set('beacon_endpoint_state', { endpoint, state }, state === current ? 1 : 0);
    }
  }
}
