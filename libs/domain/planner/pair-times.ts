import { median } from '../quantile.js';
import type { AssumedTimes } from '../wait.js';

/** Whether a time was measured there, taken from other regions' measurements of the model, or merely assumed. */
export type TimeSource = 'learned' | 'other_region' | 'assumed';

/** What a plan expects of one model in one region: whole milliseconds. */
export interface PairTimes {
  /** Execution in a warm container, p50. */
  readonly warmMs: number;
  /** What the first call of a container takes longer. */
  readonly coldStartMs: number;
  readonly warmSource: TimeSource;
  readonly coldSource: TimeSource;
}

export interface LearnedSamples {
  readonly region: string;
  readonly model: string;
  /** Whether these calls were their container's first. */
  readonly cold: boolean;
  readonly samplesMs: readonly number[];
}

/**
 * Medians of what was learned. What a region has not shown yet is taken from the model's other regions (the slowest
 * of them), and where there is none, assumed, as `/queue/status` assumes too.
 */
export function learnPairTimes(
  learned: readonly LearnedSamples[],
  assumed: AssumedTimes,
): (region: string, model: string) => PairTimes {
  const known = new Map<string, PairTimes>();
  const medianOf = (model: string, cold: boolean, region?: string): number | undefined => {
    const medians = learned
      .filter((times) => times.model === model && times.cold === cold)
      .filter((times) => region === undefined || times.region === region)
      .flatMap(({ samplesMs }) => median(samplesMs) ?? []);
    return medians.length === 0 ? undefined : Math.max(...medians);
  };
  const learn = (region: string, model: string): PairTimes => {
    const warm = firstKnown(medianOf(model, false, region), medianOf(model, false));
    const cold = firstKnown(medianOf(model, true, region), medianOf(model, true));
    const warmMs = Math.max(1, Math.round(warm?.ms ?? assumed.warmMs));
    return {
      warmMs,
      coldStartMs:
        cold === undefined ? Math.round(assumed.coldStartMs) : Math.max(0, Math.round(cold.ms) - warmMs),
      warmSource: warm?.source ?? 'assumed',
      coldSource: cold?.source ?? 'assumed',
    };
  };
  return (region, model) => {
    const key = `${region} ${model}`;
    const times = known.get(key) ?? learn(region, model);
    known.set(key, times);
    return times;
  };
}

function firstKnown(
  own: number | undefined,
  elsewhere: number | undefined,
): { ms: number; source: TimeSource } | undefined {
  if (own !== undefined) return { ms: own, source: 'learned' };
  return elsewhere === undefined ? undefined : { ms: elsewhere, source: 'other_region' };
}
