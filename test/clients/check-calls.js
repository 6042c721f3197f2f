import { COLD_START_S } from './stack.js';

/**
 * Holds what the stand-in was asked for against what an evaluation must have cost: each answer paid for once, in the region
 * that it was pinned to, and a cold start before it.
 * @param {import('./stack.js').Stack} stack
 * @param {Record<string, number>} expected calls by endpoint, or by `*-` and a model: in any region
 * @returns {Promise<string>} what was found
 */
export async function checkCalls(stack, expected) {
  const { calls, totals, repeated_keys: repeated } = await stack.account();
  if (repeated.length > 0) throw new Error(`calls were made twice: ${JSON.stringify(repeated)}`);
  const failed = calls.filter(({ outcome }) => outcome !== 'completed');
  if (failed.length > 0) throw new Error(`calls that did not succeed: ${JSON.stringify(failed)}`);
  for (const [name, count] of Object.entries(expected)) {
    const found = calls.filter(({ endpoint }) => isOf(endpoint, name));
    if (found.length === count) continue;
    throw new Error(
      `${name} was called ${found.length} times in place of ${count}: ${JSON.stringify(found)}`,
    );
  }
  const known = Object.keys(expected);
  const stray = calls.filter(({ endpoint }) => !known.some((name) => isOf(endpoint, name)));
  if (stray.length > 0) throw new Error(`nobody asked for ${JSON.stringify(stray)}`);
  const jobs = await Promise.all(calls.map(({ job_id: id }) => stack.job(id)));
  for (const { status, attempts, job_id: id } of jobs)
    if (status !== 'completed' || attempts.length !== 1)
      throw new Error(`job ${id} is ${status} after ${attempts.length} attempts`);
  const open = await stack.openJobs();
  if (open > 0) throw new Error(`${open} jobs have not ended`);
  const waits = calls.map(({ queued_s: waited }) => waited);
  const longest = Math.max(...waits);
  if (longest < COLD_START_S) throw new Error(`no call met a cold start: the longest waited ${longest} s`);
  return `${calls.length} jobs, ${totals.outcomes.completed} calls paid once, ${totals.cold_starts} cold starts of ${COLD_START_S} s`;
}

function isOf(endpoint, name) {
  return name.startsWith('*-') ? endpoint.endsWith(name.slice(1)) : endpoint === name;
}
