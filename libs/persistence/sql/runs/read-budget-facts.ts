import { budgetFacts, type BudgetFacts, type BudgetRows } from '#domain';
import type { Queryable } from '../../database.js';
import { readExecutionTimes } from '../execution-times.js';
import { readOpenCalls, readSpending } from './run-spending.js';
import { readStartGaps } from './start-gaps.js';

/**
 * What a run's budget is judged by. Open calls are read first: a call that is settled meanwhile counts twice and not
 * never, where the reader has no snapshot.
 */
export async function readBudgetFacts(
  client: Queryable,
  runId: string,
  known: Pick<BudgetRows, 'rates' | 'timeoutMs' | 'pauseMs' | 'policy'>,
): Promise<BudgetFacts> {
  const { cells: open, ended, nowMs } = await readOpenCalls(client, runId);
  const spending = await readSpending(client, runId);
  const learned = await readExecutionTimes(client);
  const learnedGaps = await readStartGaps(client);
  return budgetFacts({ ...known, open, ended, nowMs, spending, learned, learnedGaps });
}
