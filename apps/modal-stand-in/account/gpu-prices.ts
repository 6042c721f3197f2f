/**
 * US dollars per container second, before any multiplier for pinning a region (price page, collected 2026-11).
 * A copy of the list in libs/domain/gpu-cost.ts, on purpose: the stand-in keeps its own books, so that what Beacon
 * computes can be held against them, and imports nothing of Beacon's rules. A spec sees to it that the lists agree.
 */
export const USD_PER_S: Readonly<Record<string, number>> = {
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
  /** No GPU: the least Modal bills, an eighth of a core and of a GiB. */
  none: (0.0000131 + 0.00000222) / 8,
};
