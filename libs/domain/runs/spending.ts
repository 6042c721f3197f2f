import { billingOf, type Billing } from '../ledger/cost.js';
import { BUILT_IN_PRICES, gpuUsdPerS, type Prices } from '../ledger/prices.js';

/** What a second of an endpoint's container costs, and how long it idles before it is gone. */
export interface CostRate {
  readonly endpointId: string;
  readonly region: string;
  readonly models: readonly string[];
  /** null: no price is known. */
  readonly usdPerS: number | null;
  readonly scaledownWindowMs: number;
}

/** An endpoint as the configuration describes it. */
export interface RatedEndpoint {
  readonly id: string;
  readonly region: string;
  readonly models: readonly string[];
  readonly gpu: string;
  readonly protocol: string;
  readonly billed_by?: Billing | undefined;
  /** The longest that may be in force: it may change while a run is on. */
  readonly scaledown_window_s: number;
}

/**
 * The GPU whose seconds are all that an endpoint is paid by.
 * @returns null: calls cost by the token, so nobody knows what one costs before it was made
 */
export function gpuPaidFor(endpoint: Pick<RatedEndpoint, 'protocol' | 'gpu' | 'billed_by'>): string | null {
  return billingOf(endpoint) === 'gpu' ? endpoint.gpu : null;
}

/** @param prices those in force now; left out: the built-in ones */
export function costRateOf(endpoint: RatedEndpoint, prices: Prices = BUILT_IN_PRICES): CostRate {
  const gpu = gpuPaidFor(endpoint);
  const usdPerS = gpu === null ? undefined : gpuUsdPerS(prices, gpu, endpoint.region);
  return {
    endpointId: endpoint.id,
    region: endpoint.region,
    models: endpoint.models,
    usdPerS: usdPerS ?? null,
    scaledownWindowMs: endpoint.scaledown_window_s * 1000,
  };
}

/** A call that has ended, however it did. All times are Unix ms. */
export interface EndedCall {
  readonly endpointId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** null: nobody knows. */
  readonly isCold: boolean | null;
}

/** A call, and what is known of the moments before it. */
export interface DecidedCall extends EndedCall {
  readonly region: string;
  readonly model: string;
  /** Unix ms at which it was decided on; null: it is not its job's first, or nobody knows. */
  readonly decidedMs: number | null;
}

/** What a run's calls to one endpoint have taken. */
export interface EndpointSpending {
  readonly endpointId: string;
  readonly calls: number;
  readonly coldStarts: number;
  readonly busyMs: number;
  /** Idle time between calls, each at most a scale-down window. */
  readonly gapMs: number;
  /** Unix ms; null: no call has ended. */
  readonly lastEndMs: number | null;
  /** Calls whose outcome changed nothing; they were paid for. */
  readonly strayMs: number;
}

export function nothingSpent(endpointId: string): EndpointSpending {
  return { endpointId, calls: 0, coldStarts: 0, busyMs: 0, gapMs: 0, lastEndMs: null, strayMs: 0 };
}

/** @param windowMs the endpoint's scale-down window: longer gaps cost no more, as the container is gone */
export function addCall(spending: EndpointSpending, call: EndedCall, windowMs: number): EndpointSpending {
  const { lastEndMs } = spending;
  const gapMs = lastEndMs === null ? 0 : Math.min(windowMs, Math.max(0, call.startMs - lastEndMs));
  return {
    ...spending,
    calls: spending.calls + 1,
    coldStarts: spending.coldStarts + (call.isCold === true ? 1 : 0),
    busyMs: spending.busyMs + Math.max(0, call.endMs - call.startMs),
    gapMs: spending.gapMs + gapMs,
    lastEndMs: Math.max(lastEndMs ?? call.endMs, call.endMs),
  };
}

/** Time for which GPUs are held, and what it costs. */
export interface GpuUse {
  readonly gpuMs: number;
  /** US dollars; null: a price is not known. */
  readonly usd: number | null;
}

export const NO_GPU_USE: GpuUse = { gpuMs: 0, usd: 0 };

export function addUse(left: GpuUse, right: GpuUse): GpuUse {
  return {
    gpuMs: left.gpuMs + right.gpuMs,
    usd: left.usd === null || right.usd === null ? null : left.usd + right.usd,
  };
}

export function useOf(gpuMs: number, usdPerS: number | null): GpuUse {
  return { gpuMs, usd: gpuMs === 0 ? 0 : usdPerS === null ? null : (gpuMs / 1000) * usdPerS };
}

/**
 * What was paid at an endpoint, and the idle time that its last call leaves behind: a whole scale-down window,
 * which may not have passed yet. There is at least one window for every container that the run started.
 */
function spentAt(spending: EndpointSpending, rate: CostRate): GpuUse {
  const { calls, coldStarts, busyMs, gapMs, strayMs } = spending;
  const windowMs = rate.scaledownWindowMs;
  const idleMs = calls === 0 ? 0 : Math.max(gapMs + windowMs, coldStarts * windowMs);
  return useOf(busyMs + strayMs + idleMs, rate.usdPerS);
}

/**
 * The rate of an endpoint; of one that is not configured any more, the dearest of the others.
 * @returns for any id
 */
export function ratesById(rates: readonly CostRate[]): (endpointId: string) => CostRate {
  const known = new Map(rates.map((rate) => [rate.endpointId, rate]));
  const prices = rates.flatMap(({ usdPerS }) => usdPerS ?? []);
  const dearest = {
    region: '',
    models: [],
    usdPerS: prices.length === 0 ? null : Math.max(...prices),
    scaledownWindowMs: Math.max(
      UNKNOWN_WINDOW_MS,
      ...rates.map(({ scaledownWindowMs }) => scaledownWindowMs),
    ),
  };
  return (endpointId) => known.get(endpointId) ?? { endpointId, ...dearest };
}

/** As the configuration's default. */
const UNKNOWN_WINDOW_MS = 300_000;

export function spentInAll(spending: readonly EndpointSpending[], rates: readonly CostRate[]): GpuUse {
  const rateOf = ratesById(rates);
  return spending.map((each) => spentAt(each, rateOf(each.endpointId))).reduce(addUse, NO_GPU_USE);
}
