import { addCalls, cellKey, startGaps } from '#domain';
import { readCallsOfJobs, readSettledSpending, writeSpending, type Queryable } from '#persistence';
import type { CellTry } from './cell-outcome.js';
import type { RunCosts } from './run-costs.js';

/**
 * Adds what the jobs of settled tries took to the run's account, each once, and what they teach of start gaps: a try is
 * settled once.
 * The caller has locked the run.
 */
export async function recordSpending(
  client: Queryable,
  runId: string,
  tries: readonly CellTry[],
  { rates }: RunCosts,
): Promise<void> {
  if (tries.length === 0) return;
  const keys = tries.map(({ cellNo, cellAttempt }) => cellKey(runId, cellNo, cellAttempt));
  const calls = await readCallsOfJobs(
    client,
    runId,
    keys,
    tries.map(({ cellNo }) => cellNo),
  );
  if (calls.length === 0) return;
  const touched = new Set(calls.map(({ endpointId }) => endpointId));
  const before = await readSettledSpending(client, runId);
  const spending = addCalls(before, calls, rates);
  await writeSpending(
    client,
    runId,
    spending.filter(({ endpointId }) => touched.has(endpointId)),
    startGaps(before, calls, rates),
  );
}
