import { budgetFacts, withinBudget, type Affordable, type CallTarget, type OpenCell } from '#domain';
import {
  readExecutionTimes,
  readOpenCalls,
  readSpending,
  type Queryable,
  type StoredRunSpec,
} from '#persistence';
import type { RunCosts } from './run-costs.js';

export type BudgetedCell = OpenCell & CallTarget;

/** Of the cells whose turn it is, those that the run's budget pays for in the worst case. */
export async function keepBudget(
  client: Queryable,
  runId: string,
  { pairs, region_policy: policy, budget }: StoredRunSpec,
  ready: readonly OpenCell[],
  { rates, timeoutMs }: RunCosts,
): Promise<Affordable<BudgetedCell>> {
  const { cells: open, ended, nowMs } = await readOpenCalls(client, runId);
  const spending = await readSpending(client, runId);
  const learned = await readExecutionTimes(client);
  const named = ready.flatMap((cell): BudgetedCell[] => {
    const pair = pairs[cell.pairNo - 1];
    return pair === undefined ? [] : [{ ...cell, ...pair }];
  });
  return withinBudget(
    { usd: budget?.usd ?? null, gpuSeconds: budget?.gpu_seconds ?? null },
    named,
    budgetFacts({ rates, timeoutMs, policy, spending, open, ended, learned, nowMs }),
  );
}
