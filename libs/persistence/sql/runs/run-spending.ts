import {
  runKeyPrefix,
  type DecidedCall,
  type EndedCall,
  type EndpointSpending,
  type OpenCellCalls,
  type StartGap,
} from '#domain';
import type { Queryable } from '../../database.js';
import { closePendingCells } from './change-run.js';
import { addStartGaps } from './start-gaps.js';

const SPENDING = `
  SELECT endpoint_id AS "endpointId", calls, cold_starts AS "coldStarts", busy_ms::float8 AS "busyMs",
         gap_ms::float8 AS "gapMs", (extract(epoch FROM last_end) * 1000)::float8 AS "lastEndMs", 0 AS "strayMs"
    FROM run_spending WHERE run_id = $1`;

// They come at any time, also when the run is over, so they are looked up; there are few.
const STRAYS = `
  SELECT stray.endpoint_id AS "endpointId", sum(stray.duration_ms)::float8 AS "strayMs"
    FROM stray_outcomes AS stray JOIN jobs ON jobs.id = stray.job_id
   WHERE starts_with(jobs.idempotency_key, $1) AND jobs.tenant = (SELECT tenant FROM runs WHERE id = $2)
   GROUP BY stray.endpoint_id`;

/** What the calls of a run's settled cells took, endpoint by endpoint. */
export async function readSettledSpending(client: Queryable, runId: string): Promise<EndpointSpending[]> {
  const { rows } = await client.query<EndpointSpending & Record<string, unknown>>(SPENDING, [runId]);
  return rows;
}

/** The same, and what calls took whose outcome changed nothing. */
export async function readSpending(client: Queryable, runId: string): Promise<EndpointSpending[]> {
  const rows = await readSettledSpending(client, runId);
  const strays = await client.query<{ endpointId: string; strayMs: number }>(STRAYS, [
    runKeyPrefix(runId),
    runId,
  ]);
  const byId = new Map(rows.map((row) => [row.endpointId, row]));
  for (const { endpointId, strayMs } of strays.rows) {
    const known = byId.get(endpointId);
    const nothing = { calls: 0, coldStarts: 0, busyMs: 0, gapMs: 0, lastEndMs: null };
    byId.set(endpointId, { ...(known ?? { endpointId, ...nothing }), strayMs });
  }
  return [...byId.values()];
}

/**
 * The caller has locked the run.
 * @param gaps what its calls have taught, the latest ones last
 */
export async function writeSpending(
  client: Queryable,
  runId: string,
  spending: readonly EndpointSpending[],
  gaps: readonly StartGap[],
): Promise<void> {
  await client.query(
    `WITH learned AS (${addStartGaps('unnest($8::text[], $9::text[], $10::boolean[], $11::integer[])')})
     INSERT INTO run_spending (run_id, endpoint_id, calls, cold_starts, busy_ms, gap_ms, last_end)
     SELECT $1, endpoint_id, calls, cold_starts, busy_ms, gap_ms, to_timestamp(last_end_ms / 1000)
       FROM unnest($2::text[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[], $7::float8[])
         AS given (endpoint_id, calls, cold_starts, busy_ms, gap_ms, last_end_ms)
     ON CONFLICT (run_id, endpoint_id) DO UPDATE
        SET calls = excluded.calls, cold_starts = excluded.cold_starts, busy_ms = excluded.busy_ms,
            gap_ms = excluded.gap_ms, last_end = excluded.last_end`,
    [
      runId,
      spending.map(({ endpointId }) => endpointId),
      spending.map(({ calls }) => calls),
      spending.map(({ coldStarts }) => coldStarts),
      spending.map(({ busyMs }) => Math.round(busyMs)),
      spending.map(({ gapMs }) => Math.round(gapMs)),
      spending.map(({ lastEndMs }) => lastEndMs),
      gaps.map(({ region }) => region),
      gaps.map(({ model }) => model),
      gaps.map(({ cold }) => cold),
      gaps.map(({ gapMs }) => Math.ceil(gapMs)),
    ],
  );
}

// A call of an ended job of which nobody reported may have taken all the time that it had.
const ENDED = `
  SELECT endpoint_id AS "endpointId", region, model, cold_start AS "isCold",
         (extract(epoch FROM began) * 1000)::float8 AS "startMs",
         (extract(epoch FROM began) * 1000 + took_ms)::float8 AS "endMs",
         (extract(epoch FROM decided_at) * 1000)::float8 AS "decidedMs"
    FROM (SELECT attempts.endpoint_id, attempts.region, jobs.model, attempts.cold_start,
                 coalesce(attempts.execution_ms, jobs.timeout_ms) AS took_ms,
                 coalesce(attempts.started_at, attempts.admitted_at) AS began,
                 CASE WHEN attempts.attempt = 1 THEN cells.submitted_at END AS decided_at
            FROM %) AS call
   ORDER BY began, "endMs"`;

/**
 * Every call that was made for the jobs of these tries of the run's cells, which have ended; the first ones first.
 * @param keys the jobs' idempotency keys
 * @param cellNos of their cells
 */
export async function readCallsOfJobs(
  client: Queryable,
  runId: string,
  keys: readonly string[],
  cellNos: readonly number[],
): Promise<DecidedCall[]> {
  const from = `unnest($1::text[], $2::integer[]) AS try (key, cell_no)
            JOIN jobs ON jobs.idempotency_key = try.key AND jobs.tenant = (SELECT tenant FROM runs WHERE id = $3)
            JOIN attempts ON attempts.job_id = jobs.id
            JOIN cells ON cells.run_id = $3 AND cells.cell_no = try.cell_no`;
  const { rows } = await client.query<DecidedCall & Record<string, unknown>>(ENDED.replace('%', from), [
    keys,
    cellNos,
    runId,
  ]);
  return rows;
}

const OPEN = `
  SELECT cell.model, cell.region, jobs.max_attempts AS "maxAttempts",
         coalesce(jobs.state IN ('completed','failed','cancelled','expired'), false) AS "isOver",
         (SELECT count(*)::integer FROM attempts
           WHERE attempts.job_id = jobs.id AND execution_ms IS NOT NULL) AS "endedCalls",
         running.endpoint_id AS "runningEndpointId",
         (extract(epoch FROM running.started_at) * 1000)::float8 AS "runningSinceMs",
         (extract(epoch FROM greatest(cell.submitted_at, jobs.not_before)) * 1000)::float8 AS "decidedMs"
    FROM cells AS cell
    LEFT JOIN jobs ON jobs.id = cell.job_id
    LEFT JOIN attempts AS running ON running.job_id = jobs.id AND running.status = 'running'
   WHERE cell.run_id = $1 AND cell.state = 'submitted'`;

export interface OpenCalls {
  readonly cells: readonly OpenCellCalls[];
  /** Calls of their jobs that ended while the job goes on. */
  readonly ended: readonly EndedCall[];
  /** Unix ms by the database's clock. */
  readonly nowMs: number;
}

export async function readOpenCalls(client: Queryable, runId: string): Promise<OpenCalls> {
  const { rows: cells } = await client.query<OpenCellCalls & Record<string, unknown>>(OPEN, [runId]);
  const hasEnded = cells.some(({ endedCalls }) => endedCalls > 0);
  const from = `cells JOIN jobs ON jobs.id = cells.job_id JOIN attempts ON attempts.job_id = jobs.id
           WHERE cells.run_id = $1 AND cells.state = 'submitted' AND attempts.execution_ms IS NOT NULL`;
  const ended = hasEnded
    ? await client.query<EndedCall & Record<string, unknown>>(ENDED.replace('%', from), [runId])
    : { rows: [] };
  const { rows: clock } = await client.query<{ nowMs: number }>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "nowMs"`,
  );
  return { cells, ended: ended.rows, nowMs: clock[0]?.nowMs ?? 0 };
}

/** Gives up cells that were never submitted and will not be paid for, some at a time. */
export async function closeUnaffordableCells(
  client: Queryable,
  runId: string,
  limit: number,
): Promise<number> {
  return closePendingCells(client, runId, limit, 'failed', 'BUDGET_REACHED');
}

/** The caller has locked the run. */
export async function setRunBudget(
  client: Queryable,
  runId: string,
  budget: { readonly usd: number | null; readonly gpu_seconds: number | null },
): Promise<void> {
  await client.query(`UPDATE runs SET spec = jsonb_set(spec, '{budget}', $2) WHERE id = $1`, [
    runId,
    JSON.stringify(budget),
  ]);
}
