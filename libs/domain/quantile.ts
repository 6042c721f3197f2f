/**
 * Value below which a share of the samples lies, interpolated between the two nearest ones: of one sample it is that
 * sample, whatever the share. An interpolated value cannot be below the least or above the greatest sample.
 * @param samples in any order
 * @param share in [0, 1]; 0.5 is the median
 * @returns `undefined` of nothing
 */
export function quantile(samples: readonly number[], share: number): number | undefined {
  const sorted = [...samples].sort((left, right) => left - right);
  const position = (sorted.length - 1) * share;
  const lower = sorted[Math.floor(position)];
  const upper = sorted[Math.ceil(position)];
  if (lower === undefined || upper === undefined) return undefined;
  return lower + (upper - lower) * (position - Math.floor(position));
}

/**
 * The greater one of the two samples between which `quantile` interpolates; of few samples the greatest. For bounds,
 * which may err upwards only: a budget is kept by it. The nearest rank would not do: of 20 samples its p95 is the
 * 19th, which is below the interpolated one.
 * @param samples in any order
 * @param share in [0, 1]
 * @returns `undefined` of nothing
 */
export function upperQuantile(samples: readonly number[], share: number): number | undefined {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.ceil((sorted.length - 1) * share)];
}

/** Middle value, of an even number of samples the mean of the two; `undefined` of nothing. */
export function median(samples: readonly number[]): number | undefined {
  return quantile(samples, 0.5);
}

/** How long something took: usually, and when it took long. */
export interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly samples: number;
}

/** @returns `undefined` of nothing */
export function spreadOf(samplesMs: readonly number[]): Spread | undefined {
  const p50Ms = quantile(samplesMs, 0.5);
  const p95Ms = quantile(samplesMs, 0.95);
  return p50Ms === undefined || p95Ms === undefined ? undefined : { p50Ms, p95Ms, samples: samplesMs.length };
}
