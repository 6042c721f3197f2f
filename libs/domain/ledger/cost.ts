import { multiplierOf, type Prices, type TokenPrice } from './prices.js';

/** What the owner of an endpoint pays for. `both`: a GPU of its own, and a model that takes a fee for tokens. */
export type Billing = 'gpu' | 'tokens' | 'both';

/** An OpenAI-compatible upstream is paid by the token, a deployment of one's own by the GPU second. */
export function billingOf(endpoint: { readonly protocol: string; readonly billed_by?: Billing | undefined }) {
  return endpoint.billed_by ?? (endpoint.protocol === 'openai' ? 'tokens' : 'gpu');
}

export interface BilledUse {
  readonly billing: Billing;
  readonly gpu: string;
  readonly region: string;
  readonly model: string;
  /** Whole milliseconds for which the GPU was held. */
  readonly gpuMs: number;
  /** null: the upstream did not say. */
  readonly tokensIn: number | null;
  readonly tokensOut: number | null;
  /** Only an answer is sure to have tokens; whatever else happened is taken to be free of them. */
  readonly isAnswered: boolean;
}

/** All in whole micro-dollars; null: that kind of price is not known, or not asked for. */
export interface Cost {
  readonly gpuNanoUsdPerS: bigint | null;
  /** In millionths; null: no GPU is paid for. */
  readonly regionMultiplier: bigint | null;
  readonly gpuMicroUsd: bigint | null;
  readonly tokenPrice: TokenPrice | null;
  readonly llmMicroUsd: bigint | null;
  readonly totalMicroUsd: bigint;
  /** Something was used whose price, or amount, nobody knows: the total leaves it out. */
  readonly isUnpriced: boolean;
}

/** What one call, or the idle time after it, costs by these prices. */
export function costOf(use: BilledUse, prices: Prices): Cost {
  const paysGpu = use.billing !== 'tokens';
  const paysTokens = use.billing !== 'gpu';
  const gpuNanoUsdPerS = paysGpu ? (prices.gpuNanoUsdPerS.get(use.gpu) ?? null) : null;
  const regionMultiplier = paysGpu ? multiplierOf(prices, use.region) : null;
  const gpuMicroUsd =
    gpuNanoUsdPerS === null || regionMultiplier === null
      ? null
      : gpuCostMicroUsd(use.gpuMs, gpuNanoUsdPerS, regionMultiplier);
  const tokenPrice = paysTokens ? (prices.tokens.get(use.model) ?? null) : null;
  const llmMicroUsd =
    tokenPrice === null ? null : llmCostMicroUsd(use.tokensIn ?? 0, use.tokensOut ?? 0, tokenPrice);
  const isGpuUnpriced = paysGpu && gpuMicroUsd === null && use.gpuMs > 0;
  const areTokensUnpriced =
    paysTokens && use.isAnswered && (tokenPrice === null || lacksCount(use, tokenPrice));
  return {
    gpuNanoUsdPerS,
    regionMultiplier,
    gpuMicroUsd,
    tokenPrice,
    llmMicroUsd,
    totalMicroUsd: (gpuMicroUsd ?? 0n) + (llmMicroUsd ?? 0n),
    isUnpriced: isGpuUnpriced || areTokensUnpriced,
  };
}

/** Whether the upstream left out how many tokens there were of a kind that is paid for. */
function lacksCount({ tokensIn, tokensOut }: BilledUse, price: TokenPrice): boolean {
  if (tokensIn === null && tokensOut === null) return true;
  const lacks = (count: number | null, microUsd: bigint): boolean => count === null && microUsd > 0n;
  return lacks(tokensIn, price.inputMicroUsdPerMillion) || lacks(tokensOut, price.outputMicroUsdPerMillion);
}

/**
 * GPU time x rate x multiplier, in whole micro-dollars, halves upwards.
 * @param gpuMs whole milliseconds @param multiplier in millionths
 */
export function gpuCostMicroUsd(gpuMs: number, nanoUsdPerS: bigint, multiplier: bigint): bigint {
  // ms x nano-dollars per second x millionths; a thousand ms, a thousand nano-dollars and a million millionths.
  return divided(BigInt(gpuMs) * nanoUsdPerS * multiplier, 1_000_000_000_000n);
}

/** Both kinds of tokens together are rounded once, halves upwards. */
export function llmCostMicroUsd(tokensIn: number, tokensOut: number, price: TokenPrice): bigint {
  const sum =
    BigInt(tokensIn) * price.inputMicroUsdPerMillion + BigInt(tokensOut) * price.outputMicroUsdPerMillion;
  return divided(sum, 1_000_000n);
}

/** Of non-negative numbers. */
function divided(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}

/** `6950` -> `"0.006950"`: exact, as no floating-point number is. */
export function decimalUsd(microUsd: bigint): string {
  const sign = microUsd < 0n ? '-' : '';
  const digits = String(microUsd < 0n ? -microUsd : microUsd).padStart(7, '0');
  return `${sign}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}
