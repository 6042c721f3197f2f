import { endpointsByLongestWindow, type Configuration } from '#config';
import { ProblemError, type RunBudgetRequest, type RunBudgetView } from '#contracts';
import { committedUse, costRateOf, gpuPaidFor, mayAnswer, priceTableOf, pricesAt, spentInAll } from '#domain';
import {
  readBudgetFacts,
  setRunBudget,
  type Database,
  type LockedRun,
  type Queryable,
  type RunEntity,
  type StoredRunSpec,
} from '#persistence';

/** A bound in money cannot be kept where a call may cost nobody knows what. @throws ProblemError naming the field */
export function refuseUnpriced(
  budget: RunBudgetRequest | undefined,
  { pairs, region_policy: policy }: StoredRunSpec,
  { endpoints, prices: changes }: Configuration,
  namesEndpoints: boolean,
): void {
  if (budget?.usd === undefined) return;
  const prices = pricesAt(priceTableOf(changes), Date.now());
  const unpriced = endpoints
    .filter((endpoint) => pairs.some((pair) => mayAnswer(endpoint, pair, policy)))
    .find((endpoint) => costRateOf(endpoint, prices).usdPerS === null);
  if (unpriced === undefined) return;
  const gpu = gpuPaidFor(unpriced);
  const what = namesEndpoints
    ? `the ${gpu === null ? 'calls' : `GPU "${gpu}"`} of endpoint ${unpriced.id}`
    : `calls of ${unpriced.models.join(', ')} in ${unpriced.region}`;
  throw wrongBudget('usd', `no price is known for ${what}; use gpu_seconds`);
}

/**
 * Raises a run's budget; what is not named stays as it is.
 * @throws ProblemError VALIDATION_FAILED where it would be lower
 */
export async function raiseBudget(
  client: Queryable,
  runId: string,
  { spec }: LockedRun,
  wanted: RunBudgetRequest | undefined,
): Promise<void> {
  if (wanted === undefined) return;
  const has = spec.budget ?? { usd: null, gpu_seconds: null };
  for (const field of ['usd', 'gpu_seconds'] as const) {
    const [now, next] = [has[field], wanted[field]];
    if (now !== null && next !== undefined && next < now)
      throw wrongBudget(field, `must be at least ${now}, which the run has`);
  }
  await setRunBudget(client, runId, {
    usd: wanted.usd ?? has.usd,
    gpu_seconds: wanted.gpu_seconds ?? has.gpu_seconds,
  });
}

/** What a run has spent and may yet spend, beside what it may. */
export async function budgetView(
  database: Database,
  configuration: Configuration,
  { id, spec }: RunEntity,
): Promise<RunBudgetView> {
  const prices = pricesAt(priceTableOf(configuration.prices), Date.now());
  const rates = endpointsByLongestWindow(configuration).map((endpoint) => costRateOf(endpoint, prices));
  const facts = await readBudgetFacts(database, id, {
    rates,
    timeoutMs: configuration.timeouts.execution_ms,
    pauseMs: configuration.retries.backoff_max_ms,
    policy: spec.region_policy,
  });
  const spent = spentInAll(facts.spending, rates);
  const committed = committedUse(facts.open, facts);
  return {
    usd: spec.budget?.usd ?? null,
    gpu_seconds: spec.budget?.gpu_seconds ?? null,
    spent_usd: rounded(spent.usd),
    spent_gpu_seconds: Math.round(spent.gpuMs) / 1000,
    committed_usd: rounded(committed.usd),
    committed_gpu_seconds: Math.round(committed.gpuMs) / 1000,
  };
}

/** To a millionth of a dollar. */
function rounded(usd: number | null): number | null {
  return usd === null ? null : Math.round(usd * 1_000_000) / 1_000_000;
}

function wrongBudget(field: keyof RunBudgetRequest, message: string): ProblemError {
  const name = `budget.${field}`;
  return new ProblemError('VALIDATION_FAILED', `${name}: ${message}`, [{ field: name, message }]);
}
