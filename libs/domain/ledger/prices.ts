import { BUILT_IN_PRICES_FROM, GPU_USD_PER_S, REGION_MULTIPLIERS } from '../gpu-cost.js';

/** One dated entry of the configuration's `prices`: what it leaves out stays as it was. */
export interface PriceChange {
  /** UTC day from whose beginning on it is in force, `YYYY-MM-DD`. */
  readonly from: string;
  /** US dollars per second, by GPU. */
  readonly gpus?: Readonly<Record<string, number>> | undefined;
  /** By region of the configuration. */
  readonly region_multipliers?: Readonly<Record<string, number>> | undefined;
  readonly models?:
    | Readonly<
        Record<
          string,
          { readonly input_usd_per_million_tokens: number; readonly output_usd_per_million_tokens: number }
        >
      >
    | undefined;
}

/** Micro-dollars for a million tokens: picodollars for one. */
export interface TokenPrice {
  readonly inputMicroUsdPerMillion: bigint;
  readonly outputMicroUsdPerMillion: bigint;
}

/** All prices at one time, as integers. */
export interface Prices {
  /** The day of the latest change that is in force. */
  readonly from: string;
  readonly gpuNanoUsdPerS: ReadonlyMap<string, bigint>;
  /** In millionths. */
  readonly regionMultiplier: ReadonlyMap<string, bigint>;
  readonly tokens: ReadonlyMap<string, TokenPrice>;
}

/** Prices by day, the earliest first; the first is in force at any earlier time too. */
export type PriceTable = readonly [Prices & { readonly fromMs: number }, ...(Prices & { fromMs: number })[]];

const NANO = 1e9;
const MILLION = 1e6;
/** Of a region that no price entry names: Beacon's endpoints are pinned to broad regions. */
const DEFAULT_MULTIPLIER = toInteger(REGION_MULTIPLIERS.broad, MILLION);

/** Decimal prices are written with few digits: the nearest integer is the one that was meant. */
function toInteger(value: number, scale: number): bigint {
  return BigInt(Math.round(value * scale));
}

const BUILT_IN: Prices & { readonly fromMs: number } = {
  from: BUILT_IN_PRICES_FROM,
  fromMs: Date.parse(`${BUILT_IN_PRICES_FROM}T00:00:00Z`),
  gpuNanoUsdPerS: new Map(
    Object.entries(GPU_USD_PER_S).map(([gpu, usdPerS]) => [gpu, toInteger(usdPerS, NANO)]),
  ),
  regionMultiplier: new Map(),
  tokens: new Map(),
};

/** Where the configuration says nothing of prices. */
export const BUILT_IN_PRICES: Prices = BUILT_IN;

/** The built-in prices, and what changes them, day by day. */
export function priceTableOf(changes: readonly PriceChange[]): PriceTable {
  const table: [Prices & { fromMs: number }, ...(Prices & { fromMs: number })[]] = [BUILT_IN];
  let prices: Prices = BUILT_IN;
  for (const change of [...changes].sort((left, right) => (left.from < right.from ? -1 : 1))) {
    prices = {
      from: change.from,
      gpuNanoUsdPerS: changed(prices.gpuNanoUsdPerS, change.gpus, (usdPerS) => toInteger(usdPerS, NANO)),
      regionMultiplier: changed(prices.regionMultiplier, change.region_multipliers, (factor) =>
        toInteger(factor, MILLION),
      ),
      tokens: changed(prices.tokens, change.models, (price) => ({
        inputMicroUsdPerMillion: toInteger(price.input_usd_per_million_tokens, MILLION),
        outputMicroUsdPerMillion: toInteger(price.output_usd_per_million_tokens, MILLION),
      })),
    };
    table.push({ ...prices, fromMs: Date.parse(`${change.from}T00:00:00Z`) });
  }
  return table;
}

function changed<From, To>(
  before: ReadonlyMap<string, To>,
  changes: Readonly<Record<string, From>> | undefined,
  convert: (value: From) => To,
): ReadonlyMap<string, To> {
  const converted = Object.entries(changes ?? {}).map(([name, value]) => [name, convert(value)] as const);
  return new Map([...before, ...converted]);
}

/** @param atMs Unix ms: when the call began. What is paid is what was agreed then. */
export function pricesAt([first, ...later]: PriceTable, atMs: number): Prices {
  let inForce: Prices = first;
  for (const prices of later) if (prices.fromMs <= atMs) inForce = prices;
  return inForce;
}

/** @returns US dollars per second of one container's GPU there, for estimates; `undefined`: no price is known */
export function gpuUsdPerS(prices: Prices, gpu: string, region: string): number | undefined {
  const nanoUsdPerS = prices.gpuNanoUsdPerS.get(gpu);
  if (nanoUsdPerS === undefined) return undefined;
  return Number(nanoUsdPerS * multiplierOf(prices, region)) / (NANO * MILLION);
}

/** In millionths. */
export function multiplierOf({ regionMultiplier }: Prices, region: string): bigint {
  return regionMultiplier.get(region) ?? DEFAULT_MULTIPLIER;
}
