import type { Queryable } from '../../database.js';
import type { StoredMeter } from './ledger-facts.js';
import type { NewLedgerEntry } from './new-entry.js';

const COLUMNS = `kind, call_id, job_id, attempt, epoch, call_no, run_id, tenant, key_id, task_type, model, region,
       endpoint_id, provider, gpu, outcome, accepted, http_status, error_code, cold_start, estimated,
       cold_start_ms, busy_ms, idle_ms, gpu_nano_usd_per_s, region_multiplier_millionths, gpu_cost_micro_usd,
       tokens_in, tokens_out, input_micro_usd_per_million_tokens, output_micro_usd_per_million_tokens,
       llm_cost_micro_usd, total_micro_usd, unpriced, prices_from`;

/**
 * Appends entries, and keeps the meters and the sums of the day with them: one statement, in the transaction that settles
 * the calls, under the admission lock.
 */
export async function recordEntries(
  database: Queryable,
  entries: readonly NewLedgerEntry[],
  meters: ReadonlyMap<string, StoredMeter>,
): Promise<void> {
  await database.query(
    `WITH entered AS (
            INSERT INTO ledger_entries (began_at, at, duration_ms, ${COLUMNS})
            SELECT to_timestamp(began_ms / 1000), to_timestamp(at_ms / 1000), round(at_ms - began_ms)::bigint, ${COLUMNS}
              FROM jsonb_to_recordset($1::jsonb) AS e (
                     began_ms float8, at_ms float8, kind text, call_id uuid, job_id uuid, attempt integer, epoch integer,
                     call_no integer, run_id uuid, tenant text, key_id text, task_type text, model text, region text,
                     endpoint_id text, provider text, gpu text, outcome text, accepted boolean, http_status integer,
                     error_code text, cold_start boolean, estimated boolean, cold_start_ms bigint,
                     busy_ms bigint, idle_ms bigint, gpu_nano_usd_per_s bigint, region_multiplier_millionths bigint,
                     gpu_cost_micro_usd bigint, tokens_in bigint, tokens_out bigint,
                     input_micro_usd_per_million_tokens bigint, output_micro_usd_per_million_tokens bigint,
                     llm_cost_micro_usd bigint, total_micro_usd bigint, unpriced boolean, prices_from date)
            ON CONFLICT (call_id) WHERE kind = 'call' DO NOTHING
         RETURNING kind, call_id, job_id, at, key_id, total_micro_usd
          ), explained AS (
            -- Not of a job whose contents are gone: words that come later would stay.
            INSERT INTO ledger_errors (call_id, job_id, detail)
            SELECT call_id, entered.job_id, e.error_detail
              FROM entered JOIN jsonb_to_recordset($1::jsonb) AS e (kind text, call_id uuid, error_detail text)
                     USING (kind, call_id)
             WHERE kind = 'call' AND e.error_detail IS NOT NULL
               AND NOT EXISTS (SELECT FROM jobs
                                WHERE jobs.id = entered.job_id
                                  AND (prompt_erased_at IS NOT NULL OR result_erased_at IS NOT NULL))
          ), metered AS (
            INSERT INTO ledger_meters (endpoint_id, closed_until_ms, session_from_ms, charged_until_ms, idle_certain,
                                       late_ms, idle_at_least_until_ms, idle_of)
            SELECT endpoint_id, closed_until_ms, session_from_ms, charged_until_ms, idle_certain, late_ms,
                   idle_at_least_until_ms, nullif(idle_of, 'null'::jsonb)
              FROM jsonb_to_recordset($2::jsonb) AS m (
                     endpoint_id text, closed_until_ms bigint, session_from_ms bigint, charged_until_ms bigint,
                     idle_certain boolean, late_ms bigint, idle_at_least_until_ms bigint, idle_of jsonb)
            ON CONFLICT (endpoint_id) DO UPDATE
               SET closed_until_ms = excluded.closed_until_ms, session_from_ms = excluded.session_from_ms,
                   charged_until_ms = excluded.charged_until_ms, idle_certain = excluded.idle_certain,
                   late_ms = excluded.late_ms, idle_at_least_until_ms = excluded.idle_at_least_until_ms,
                   idle_of = excluded.idle_of
          )
     INSERT INTO ledger_days (day, key_id, micro_usd)
     SELECT (at AT TIME ZONE 'UTC')::date AS day, key_id, sum(total_micro_usd)
       FROM entered WHERE key_id IS NOT NULL GROUP BY 1, 2
     ON CONFLICT (key_id, day) DO UPDATE SET micro_usd = ledger_days.micro_usd + excluded.micro_usd`,
    [
      JSON.stringify(entries),
      JSON.stringify(
        [...meters].map(([endpointId, { meter, lateMs, idleAtLeastUntilMs, idleOf }]) => ({
          endpoint_id: endpointId,
          closed_until_ms: meter.closedUntilMs,
          session_from_ms: meter.sessionFromMs,
          charged_until_ms: meter.chargedUntilMs,
          idle_certain: meter.isIdleCertain,
          late_ms: Math.round(lateMs),
          idle_at_least_until_ms: Math.round(idleAtLeastUntilMs),
          // What it idles after is known by its entry; how that call failed is not needed.
          idle_of: meter.idleOf === null || idleOf === null ? null : { ...idleOf, error_detail: null },
        })),
      ),
    ],
  );
}
