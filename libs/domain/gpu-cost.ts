/**
 * US dollars per GPU second, without a multiplier for pinning a region: what is in force where the configuration names
 * no price of its own.
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

/** The day of `GPU_USD_PER_S`. */
export const BUILT_IN_PRICES_FROM = '2026-11-01';

/** What asking for a place multiplies prices by: a broad region (`us`), a narrow one (`us-west`), none. */
export const REGION_MULTIPLIERS = { none: 1, broad: 1.5, narrow: 1.75 } as const;
