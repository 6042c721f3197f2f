import { withinBudget, type Affordable, type CallTarget, type OpenCell } from '#domain';
import { readBudgetFacts, readSettingInForce, type Queryable, type StoredRunSpec } from '#persistence';
import type { RunCosts } from './run-costs.js';

export type BudgetedCell = OpenCell & CallTarget;

/** Operators may change them while a run goes on, and then a call may take that long, or a job pause that long. */
const TIMEOUT_SETTING = 'timeouts.execution_ms';
const PAUSE_SETTING = 'retries.backoff_max_ms';

/** Of the cells whose turn it is, those that the run's budget pays for in the worst case. */
export async function keepBudget(
  client: Queryable,
  runId: string,
  { pairs, region_policy: policy, budget }: StoredRunSpec,
  ready: readonly OpenCell[],
  { rates, ...configured }: RunCosts,
): Promise<Affordable<BudgetedCell>> {
  const named = ready.flatMap((cell): BudgetedCell[] => {
    const pair = pairs[cell.pairNo - 1];
    return pair === undefined ? [] : [{ ...cell, ...pair }];
  });
  const inForce = async (name: string, configuredMs: number): Promise<number> =>
    (await readSettingInForce(client, name)) ?? configuredMs;
  const timeoutMs = await inForce(TIMEOUT_SETTING, configured.timeoutMs);
  // A job that makes one call never pauses.
  const pauseMs = policy === 'pin' ? 0 : await inForce(PAUSE_SETTING, configured.pauseMs);
  return withinBudget(
    { usd: budget?.usd ?? null, gpuSeconds: budget?.gpu_seconds ?? null },
    named,
    await readBudgetFacts(client, runId, { rates, timeoutMs, pauseMs, policy }),
  );
}
