import type { Queryable } from '../../database.js';

/** What one endpoint did for a run, in one state; parts that lie close together are one. */
export interface StoredInterval {
  readonly endpointId: string;
  readonly state: 'warming' | 'busy' | 'idle' | 'running';
  /** Unix ms. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly calls: number;
  readonly failedCalls: number;
  readonly regions: readonly string[];
  readonly models: readonly string[];
}

// A call is its cold start and what comes after it; all of it where nobody knows how long the cold start took. What is too short to be seen joins its neighbour: idle time
// between two calls, above all, so that 12,000 calls in a row are one bar. Calls that go on have no entry yet.
const TIMELINE = `
  WITH entries AS (
         SELECT *, CASE WHEN cold_start AND cold_start_ms = 0 THEN at
                        ELSE least(at, began_at + cold_start_ms * interval '1 ms') END AS cold_until
           FROM ledger_entries WHERE run_id = $1),
       parts AS (
         SELECT endpoint_id, region, model, 'warming' AS state, began_at AS from_at,
                cold_until AS to_at, 0 AS calls, 0 AS failed
           FROM entries WHERE kind = 'call' AND cold_until > began_at
         UNION ALL
         SELECT endpoint_id, region, model, 'busy', cold_until, at, 1, CASE WHEN outcome = 'succeeded' THEN 0 ELSE 1 END
           FROM entries WHERE kind = 'call'
         UNION ALL
         SELECT endpoint_id, region, model, 'idle', began_at, at, 0, 0
           FROM entries WHERE kind = 'idle' AND at - began_at > $2 * interval '1 ms'
         UNION ALL
         SELECT attempts.endpoint_id, attempts.region, cells.model, 'running', attempts.started_at, clock_timestamp(), 0, 0
           FROM cells JOIN attempts ON attempts.job_id = cells.job_id
          WHERE cells.run_id = $1 AND cells.state = 'submitted' AND attempts.status = 'running'
            AND attempts.started_at IS NOT NULL),
       joined AS (
         SELECT *, CASE WHEN state = lag(state) OVER ordered
                         AND from_at <= max(to_at) OVER (ordered ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                                        + $2 * interval '1 ms'
                        THEN 0 ELSE 1 END AS begins
           FROM parts WINDOW ordered AS (PARTITION BY endpoint_id ORDER BY from_at, to_at)),
       numbered AS (
         SELECT *, sum(begins) OVER (PARTITION BY endpoint_id ORDER BY from_at, to_at) AS interval_no FROM joined)
  SELECT endpoint_id AS "endpointId", min(state) AS state,
         (extract(epoch FROM min(from_at)) * 1000)::double precision AS "fromMs",
         (extract(epoch FROM max(to_at)) * 1000)::double precision AS "toMs",
         sum(calls)::integer AS calls, sum(failed)::integer AS "failedCalls",
         array_agg(DISTINCT region) AS regions, array_agg(DISTINCT model) AS models
    FROM numbered GROUP BY endpoint_id, interval_no
   ORDER BY endpoint_id, min(from_at) LIMIT $3`;

/** @param closeMs what lies no further apart is one interval */
export async function readTimeline(
  database: Queryable,
  runId: string,
  closeMs: number,
  intervalsMax: number,
): Promise<StoredInterval[]> {
  const { rows } = await database.query<StoredInterval & Record<string, unknown>>(TIMELINE, [
    ...[runId, closeMs, intervalsMax],
  ]);
  return rows;
}

/** As it was expected when the run was submitted. */
export interface StoredPlannedLane {
  readonly endpoint_id: string;
  readonly intervals: readonly {
    readonly state: 'warming' | 'busy' | 'idle';
    readonly from_s: number;
    readonly to_s: number;
  }[];
  /** When the whole plan is done, where it is too long for its end to be kept. */
  readonly goes_on_until_s?: number;
}

/** @returns nothing for a run from before it was kept */
export async function readPlannedTimeline(
  database: Queryable,
  runId: string,
): Promise<readonly StoredPlannedLane[]> {
  const { rows } = await database.query<{ planned: StoredPlannedLane[] | null }>(
    `SELECT planned_timeline AS planned FROM runs WHERE id = $1`,
    [runId],
  );
  return rows[0]?.planned ?? [];
}
