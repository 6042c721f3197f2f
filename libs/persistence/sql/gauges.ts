import type { EndpointSpending } from '#domain';
import type { Queryable } from '../database.js';

/**
 * Slots whose holder, or whose ticket, has been silent for longer than its lease: they hold a place, and a GPU, until it is
 * known that no call runs behind them. Endpoints that have none are left out.
 */
export async function countSilentSlots(database: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await database.query<{ endpoint_id: string; slots: number }>(
    `SELECT endpoint_id, count(*)::integer AS slots
       FROM slots WHERE lease_until < clock_timestamp() GROUP BY endpoint_id`,
  );
  return new Map(rows.map(({ endpoint_id: id, slots }) => [id, slots]));
}

/** Of each key in force that has a daily budget: the share of it that today has cost. */
export async function readDailyBudgetShares(database: Queryable): Promise<number[]> {
  const { rows } = await database.query<{ share: number }>(
    `SELECT coalesce(today.micro_usd, 0)::float8
              / greatest((api_keys.limits->>'budget_micro_usd_per_day')::float8, 1) AS share
       FROM api_keys
       LEFT JOIN ledger_days AS today
         ON today.key_id = api_keys.key_id AND today.day = (clock_timestamp() AT TIME ZONE 'UTC')::date
      WHERE api_keys.limits ? 'budget_micro_usd_per_day' AND api_keys.revoked_at IS NULL
        AND (api_keys.expires_at IS NULL OR api_keys.expires_at > clock_timestamp())`,
  );
  return rows.map(({ share }) => share);
}

/** Runs that have not ended, by status. */
export async function countOpenRuns(database: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await database.query<{ status: string; runs: number }>(
    `SELECT status, count(*)::integer AS runs FROM runs WHERE finished_at IS NULL GROUP BY status`,
  );
  return new Map(rows.map(({ status, runs }) => [status, runs]));
}

export interface BudgetedRun {
  readonly runId: string;
  readonly usd: number | null;
  readonly gpuSeconds: number | null;
  /** Of its settled cells, one for each endpoint that was called. */
  readonly spending: readonly EndpointSpending[];
}

/** Runs that have not ended and have a budget, the latest first. @param limit of runs */
export async function readBudgetedRuns(database: Queryable, limit: number): Promise<BudgetedRun[]> {
  const { rows } = await database.query<BudgetedRun & Record<string, unknown>>(
    `SELECT run.id AS "runId", (run.spec #>> '{budget,usd}')::float8 AS usd,
            (run.spec #>> '{budget,gpu_seconds}')::float8 AS "gpuSeconds",
            coalesce((SELECT jsonb_agg(jsonb_build_object(
                               'endpointId', endpoint_id, 'calls', calls, 'coldStarts', cold_starts,
                               'busyMs', busy_ms, 'gapMs', gap_ms, 'lastEndMs', NULL, 'strayMs', 0))
                        FROM run_spending WHERE run_id = run.id), '[]') AS spending
       FROM runs AS run
      WHERE run.finished_at IS NULL AND jsonb_typeof(run.spec->'budget') = 'object'
      ORDER BY run.run_no DESC LIMIT $1`,
    [limit],
  );
  return rows;
}
