import type { ModelTimesView, ProviderView, WarmthView } from '#contracts';
import type { EndpointView } from '#domain';
import type { Warmth } from '../engine/warm-keeper.js';
import { endpointReport } from './queue-report.js';
import { spreadsOf, type LearnedSpreads, type QueueSnapshot } from './queue-view.js';

/** An endpoint with what was learned of it. */
export function providerReport(
  view: EndpointView,
  warmth: Warmth,
  snapshot: QueueSnapshot,
  nowMs: number,
): ProviderView {
  const { region, models } = view.spec;
  return {
    ...endpointReport(view, nowMs),
    warm: warmthView(warmth),
    times: Object.fromEntries(models.map((model) => [model, timesView(spreadsOf(snapshot, region, model))])),
  };
}

function timesView({ warm, cold }: LearnedSpreads): ModelTimesView {
  return {
    warm_p50_s: secondsOf(warm?.p50Ms),
    warm_p95_s: secondsOf(warm?.p95Ms),
    cold_p50_s: secondsOf(cold?.p50Ms),
    cold_p95_s: secondsOf(cold?.p95Ms),
    samples: (warm?.samples ?? 0) + (cold?.samples ?? 0),
  };
}

function secondsOf(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms) / 1000;
}

function warmthView({ setting, stored, inForceMs, wanted, judgedMs, sum }: Warmth): WarmthView {
  return {
    setting,
    mode: stored?.mode ?? 'configured',
    window_s: inForceMs / 1000,
    since: stored === undefined ? null : new Date(stored.sinceMs).toISOString(),
    reason: wanted.reason,
    judged_window_s: judgedMs / 1000,
    idle_gpu_seconds: Math.round(sum.idleGpuMs) / 1000,
    cold_start_seconds_saved: secondsOf(sum.coldStartMsSaved),
    pays: sum.pays ?? null,
  };
}
