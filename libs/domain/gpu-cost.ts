/**
 * US dollars per GPU second, without a multiplier for pinning a region.
 * Source: Modal's price page, secondhand, collected 2026-11.
 */
export const GPU_USD_PER_S: Readonly<Record<string, number>> = {
  T4: 0.000164,
  L4: 0.000222,
  A10: 0.000306,
  A10G: 0.000306,
  L40S: 0.000542,
  'A100-40GB': 0.000583,
  'A100-80GB': 0.000694,
  H100: 0.001097,
  H200: 0.001261,
  B200: 0.001736,
};

/** What asking for a place multiplies prices by: a broad region (`us`), a narrow one (`us-west`), none. */
export const REGION_MULTIPLIERS = { none: 1, broad: 1.5, narrow: 1.75 } as const;
export type RegionPin = keyof typeof REGION_MULTIPLIERS;

/** Seconds for which containers hold their GPUs. All of them are billed alike. */
export interface GpuTime {
  /** From the grant of the GPU to the first input: boot, and loading the model. */
  readonly coldStartS: number;
  readonly busyS: number;
  /** Warm without work, up to the end of the scale-down window. */
  readonly idleS: number;
}

/**
 * What GPU time costs.
 * @returns US dollars, or `undefined` where the GPU's price is not known
 */
export function gpuCostUsd(gpu: string, time: GpuTime, pin: RegionPin): number | undefined {
  const usdPerS = GPU_USD_PER_S[gpu];
  if (usdPerS === undefined) return undefined;
  return (time.coldStartS + time.busyS + time.idleS) * usdPerS * REGION_MULTIPLIERS[pin];
}
