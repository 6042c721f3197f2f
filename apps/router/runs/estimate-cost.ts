import type { Configuration, EndpointConfiguration } from '#config';
import { gpuCostUsd, median } from '#domain';
import type { LearnedTimes } from '#persistence';

const MICRO = 1e6;

/**
 * What a run is expected to cost in GPU time: each endpoint that has cells starts cold once, works through them and
 * idles for its scale-down window. Regions are taken to be pinned broadly, as the deployments are.
 * @returns US dollars, or null where a time has not been learned or a price is not known
 */
export function estimateCostUsd(
  cellsPerEndpoint: Readonly<Record<string, number>>,
  { endpoints }: Configuration,
  learned: readonly LearnedTimes[],
): number | null {
  let totalUsd = 0;
  for (const endpoint of endpoints) {
    const cells = cellsPerEndpoint[endpoint.id] ?? 0;
    if (cells === 0) continue;
    // Whoever serves it is not paid by the GPU second.
    if (endpoint.protocol === 'openai') return null;
    const warmS = secondsOf(endpoint, learned, false);
    const coldS = secondsOf(endpoint, learned, true);
    if (warmS === undefined || coldS === undefined) return null;
    const time = {
      coldStartS: Math.max(0, coldS - warmS),
      busyS: cells * warmS,
      idleS: endpoint.scaledown_window_s,
    };
    const costUsd = gpuCostUsd(endpoint.gpu, time, 'broad');
    if (costUsd === undefined) return null;
    totalUsd += costUsd;
  }
  return Math.round(totalUsd * MICRO) / MICRO;
}

/** Median execution of a call in the endpoint's region, by the slowest of its models. */
function secondsOf(
  { region, models }: EndpointConfiguration,
  learned: readonly LearnedTimes[],
  cold: boolean,
): number | undefined {
  const own = learned.filter(
    (times) =>
      times.cold === cold &&
      times.region === region &&
      models.includes(times.model) &&
      times.samplesMs.length > 0,
  );
  if (own.length === 0) return undefined;
  return own.reduce((slowestS, { samplesMs }) => Math.max(slowestS, (median(samplesMs) ?? 0) / 1000), 0);
}
