import { endpointsByLongestWindow, type Configuration } from '#config';
import { costRateOf, type CostRate } from '#domain';

/** What calls cost and how long they may take. */
export interface RunCosts {
  readonly rates: readonly CostRate[];
  readonly timeoutMs: number;
}

/** Without a configuration no price is known, and a call may take as long as the configuration's default says. */
export const UNKNOWN_COSTS: RunCosts = { rates: [], timeoutMs: 300_000 };

export function runCostsOf(configuration: Configuration): RunCosts {
  return {
    rates: endpointsByLongestWindow(configuration).map(costRateOf),
    timeoutMs: configuration.timeouts.execution_ms,
  };
}
