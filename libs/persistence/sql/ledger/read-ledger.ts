import type { CallOutcome, LedgerKind } from '#domain';
import type { Queryable } from '../../database.js';
import type { LedgerEntryCall } from './new-entry.js';

/** What entries are asked for; absent: all. */
export interface LedgerFilter {
  readonly run_id?: string | undefined;
  readonly job_id?: string | undefined;
  readonly tenant?: string | undefined;
  readonly key_id?: string | undefined;
  readonly model?: string | undefined;
  readonly region?: string | undefined;
  readonly endpoint_id?: string | undefined;
  readonly task_type?: string | undefined;
  readonly outcome?: CallOutcome | undefined;
  readonly kind?: LedgerKind | undefined;
  /** Entries whose `at` is not before this, */
  readonly from?: string | undefined;
  /** and before this. RFC 3339. */
  readonly to?: string | undefined;
}

/** A row of `ledger_entries` and the words of its error; 64-bit numbers are decimal strings. */
export interface LedgerEntry extends LedgerEntryCall, Record<string, unknown> {
  readonly entry_no: string;
  readonly recorded_at: Date;
  readonly began_at: Date;
  readonly at: Date;
  /** null: none, or erased with its job. */
  readonly error_detail: string | null;
  readonly cold_start: boolean | null;
  readonly estimated: boolean;
  readonly duration_ms: string;
  readonly cold_start_ms: string;
  readonly busy_ms: string;
  readonly idle_ms: string;
  readonly gpu_nano_usd_per_s: string | null;
  readonly region_multiplier_millionths: string | null;
  readonly gpu_cost_micro_usd: string | null;
  readonly tokens_in: string | null;
  readonly tokens_out: string | null;
  readonly input_micro_usd_per_million_tokens: string | null;
  readonly output_micro_usd_per_million_tokens: string | null;
  readonly llm_cost_micro_usd: string | null;
  readonly total_micro_usd: string;
  readonly unpriced: boolean;
  readonly prices_day: string;
}

/** Each condition holds where its parameter is NULL, so one text, planned once, serves every filter. */
const MATCHES = `($1::uuid IS NULL OR run_id = $1) AND ($2::uuid IS NULL OR job_id = $2)
        AND ($3::text IS NULL OR tenant = $3) AND ($4::text IS NULL OR key_id = $4)
        AND ($5::text IS NULL OR model = $5) AND ($6::text IS NULL OR region = $6)
        AND ($7::text IS NULL OR endpoint_id = $7) AND ($8::text IS NULL OR task_type = $8)
        AND ($9::text IS NULL OR outcome = $9) AND ($10::text IS NULL OR kind = $10)
        AND ($11::timestamptz IS NULL OR at >= $11) AND ($12::timestamptz IS NULL OR at < $12)`;

function valuesOf(filter: LedgerFilter): unknown[] {
  return [
    filter.run_id,
    filter.job_id,
    filter.tenant,
    filter.key_id,
    filter.model,
    filter.region,
    filter.endpoint_id,
    filter.task_type,
    filter.outcome,
    filter.kind,
    filter.from,
    filter.to,
  ].map((value) => value ?? null);
}

/** As they were written, or the latest first. */
export type LedgerOrder = 'asc' | 'desc';

const BEYOND: Readonly<Record<LedgerOrder, string>> = {
  asc: 'entry_no > $13::bigint ORDER BY entry_no',
  desc: 'entry_no < $13::bigint ORDER BY entry_no DESC',
};
/** A cursor before the first entry of each order. */
const START: Readonly<Record<LedgerOrder, string>> = { asc: '0', desc: '9223372036854775807' };

/** @param afterEntryNo the last one already seen; undefined: none */
export async function readLedger(
  database: Queryable,
  filter: LedgerFilter,
  order: LedgerOrder,
  afterEntryNo: string | undefined,
  limit: number,
): Promise<LedgerEntry[]> {
  const { rows } = await database.query<LedgerEntry>(
    `SELECT *, to_char(prices_from, 'YYYY-MM-DD') AS prices_day,
            (SELECT detail FROM ledger_errors AS said
              WHERE said.call_id = ledger_entries.call_id AND kind = 'call') AS error_detail
       FROM ledger_entries
      WHERE ${MATCHES} AND ${BEYOND[order]}
      LIMIT $14`,
    [...valuesOf(filter), afterEntryNo ?? START[order], limit],
  );
  return rows;
}

const GROUPS = {
  run: 'run_id::text',
  job: 'job_id::text',
  model: 'model',
  region: 'region',
  day: `to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
  key: 'key_id',
  task_type: 'task_type',
  tenant: 'tenant',
  endpoint: 'endpoint_id',
  provider: 'provider',
  outcome: 'outcome',
} as const;
export type LedgerGroup = keyof typeof GROUPS;

/** Sums; decimal strings. */
export interface LedgerSums extends Record<string, unknown> {
  readonly entries: string;
  readonly calls: string;
  readonly accepted: string;
  readonly cold_starts: string;
  readonly estimated: string;
  readonly unpriced: string;
  readonly cold_start_ms: string;
  readonly busy_ms: string;
  readonly idle_ms: string;
  readonly tokens_in: string;
  readonly tokens_out: string;
  readonly gpu_cost_micro_usd: string;
  readonly llm_cost_micro_usd: string;
  readonly total_micro_usd: string;
}

export interface LedgerSummary {
  /** By value; null: of none, such as calls of no run. The dearest first. */
  readonly groups: readonly (LedgerSums & { readonly value: string | null })[];
  readonly total: LedgerSums;
  /** More groups than were asked for. */
  readonly isTruncated: boolean;
}

/** Groups and their total come from one statement, hence one snapshot: they add up exactly. */
export async function summariseLedger(
  database: Queryable,
  filter: LedgerFilter,
  group: LedgerGroup,
  limit: number,
): Promise<LedgerSummary> {
  const { rows } = await database.query<LedgerSums & { value: string | null; is_total: number }>(
    `SELECT ${GROUPS[group]} AS value, grouping(${GROUPS[group]}) AS is_total,
            count(*) AS entries, count(*) FILTER (WHERE kind = 'call') AS calls,
            count(*) FILTER (WHERE kind = 'call' AND accepted) AS accepted,
            count(*) FILTER (WHERE kind = 'call' AND cold_start) AS cold_starts,
            count(*) FILTER (WHERE estimated) AS estimated, count(*) FILTER (WHERE unpriced) AS unpriced,
            coalesce(sum(cold_start_ms), 0) AS cold_start_ms, coalesce(sum(busy_ms), 0) AS busy_ms,
            coalesce(sum(idle_ms), 0) AS idle_ms,
            coalesce(sum(tokens_in), 0) AS tokens_in, coalesce(sum(tokens_out), 0) AS tokens_out,
            coalesce(sum(gpu_cost_micro_usd), 0) AS gpu_cost_micro_usd,
            coalesce(sum(llm_cost_micro_usd), 0) AS llm_cost_micro_usd,
            coalesce(sum(total_micro_usd), 0) AS total_micro_usd
       FROM ledger_entries
      WHERE ${MATCHES}
      GROUP BY GROUPING SETS ((${GROUPS[group]}), ())
      ORDER BY is_total DESC, total_micro_usd DESC, value
      LIMIT $13`,
    [...valuesOf(filter), limit + 2],
  );
  const [total, ...groups] = rows;
  if (total === undefined) throw new Error('a sum without groups has one row');
  return { total, groups: groups.slice(0, limit), isTruncated: groups.length > limit };
}

/** What each key has cost in the UTC day that is now, in micro-dollars; 0 for one without entries. */
export async function readSpentToday(
  database: Queryable,
  keyIds: readonly string[],
): Promise<Map<string, bigint>> {
  const { rows } = await database.query<{ key_id: string; micro_usd: string }>(
    `SELECT key_id, micro_usd FROM ledger_days
      WHERE key_id = ANY ($1::text[]) AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date`,
    [keyIds],
  );
  const spent = new Map(rows.map(({ key_id, micro_usd }) => [key_id, BigInt(micro_usd)]));
  return new Map(keyIds.map((keyId) => [keyId, spent.get(keyId) ?? 0n]));
}
