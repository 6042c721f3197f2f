import type { PlanInput } from './plan-input.js';

/**
 * A makespan that no order stays below, however it starts endpoints and shares cells: every GPU works without a
 * pause, every pair is answered by the fastest of its endpoints, and nothing is ever cold.
 * @param servers by pair: the endpoints that may answer it
 */
export function leastMs(input: PlanInput, servers: readonly (readonly number[])[]): number {
  const cells = input.questions * input.repeats;
  let totalMs = 0;
  let longestMs = 0;
  for (const [pair, { model }] of input.pairs.entries()) {
    const able = servers[pair] ?? [];
    const fastestMs = able.reduce((least, endpoint) => {
      const spec = input.endpoints[endpoint]?.spec;
      const { warmMs } = input.timesOf(spec?.region ?? '', model);
      return Math.min(least, warmMs / (spec?.concurrency ?? 1));
    }, Number.POSITIVE_INFINITY);
    if (!Number.isFinite(fastestMs)) continue;
    totalMs += cells * fastestMs;
    longestMs = Math.max(longestMs, (cells * fastestMs) / able.length);
  }
  return Math.max(longestMs, totalMs / gpusOf(input));
}

/** GPUs that may ever work at once: more than the limit where more are held already. */
export function gpusOf({ endpoints, gpuLimit }: PlanInput): number {
  return Math.max(gpuLimit, endpoints.filter(({ record }) => record.gpuUntilMs > 0).length);
}
