import { withinBudget, type Affordable, type CallTarget, type OpenCell } from '#domain';
import { readBudgetFacts, readSettingInForce, type Queryable, type StoredRunSpec } from '#persistence';
import type { RunCosts } from './run-costs.js';

export type BudgetedCell = OpenCell & CallTarget;

/** Operators may change it while a run goes on, and then a call may take that long. */
const TIMEOUT_SETTING = 'timeouts.execution_ms';

/** Of the cells whose turn it is, those that the run's budget pays for in the worst case. */
export async function keepBudget(
  client: Queryable,
  runId: string,
  { pairs, region_policy: policy, budget }: StoredRunSpec,
  ready: readonly OpenCell[],
  { rates, timeoutMs: configuredMs }: RunCosts,
): Promise<Affordable<BudgetedCell>> {
  const named = ready.flatMap((cell): BudgetedCell[] => {
    const pair = pairs[cell.pairNo - 1];
    return pair === undefined ? [] : [{ ...cell, ...pair }];
  });
  const changedMs = budget === undefined ? undefined : await readSettingInForce(client, TIMEOUT_SETTING);
  const timeoutMs = changedMs ?? configuredMs;
  return withinBudget(
    { usd: budget?.usd ?? null, gpuSeconds: budget?.gpu_seconds ?? null },
    named,
    await readBudgetFacts(client, runId, { rates, timeoutMs, policy }),
  );
}
