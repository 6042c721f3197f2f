import { endpointsByLongestWindow, type Configuration } from '#config';
import { costRateOf, priceTableOf, pricesAt, type CostRate } from '#domain';

/** What calls cost and how long they may take. */
export interface RunCosts {
  readonly rates: readonly CostRate[];
  readonly timeoutMs: number;
  /** Between two calls of one job, at most. */
  readonly pauseMs: number;
}

/** Without a configuration no price is known, and calls take as long, and pause as long, as the configuration's defaults say. */
export const UNKNOWN_COSTS: RunCosts = { rates: [], timeoutMs: 300_000, pauseMs: 30_000 };

/** Prices are dated, and a runner lives for long: rates are those in force when they are asked for. */
export function runCostsOf(configuration: Configuration): RunCosts {
  const table = priceTableOf(configuration.prices);
  const endpoints = endpointsByLongestWindow(configuration);
  return {
    get rates() {
      const prices = pricesAt(table, Date.now());
      return endpoints.map((endpoint) => costRateOf(endpoint, prices));
    },
    timeoutMs: configuration.timeouts.execution_ms,
    pauseMs: configuration.retries.backoff_max_ms,
  };
}
