import { csvHeader, csvRow } from '../http/csv.js';
import type { LedgerEntryView, LedgerFormat, LedgerSumsView } from '#contracts';
import { decimalUsd } from '#domain';
import {
  readLedger,
  type LedgerOrder,
  type Database,
  type LedgerEntry,
  type LedgerFilter,
  type LedgerSums,
} from '#persistence';

/** Entries read at once while they are streamed. */
const BATCH = 1000;

/** Amounts stay far below 2^53 micro-dollars, nine billion dollars: as JSON numbers they are exact. */
export function entryView(entry: LedgerEntry): LedgerEntryView {
  const integer = (value: string): number => Number(value);
  const optional = (value: string | null): number | null => (value === null ? null : Number(value));
  return {
    entry_no: entry.entry_no,
    kind: entry.kind,
    began_at: entry.began_at.toISOString(),
    at: entry.at.toISOString(),
    recorded_at: entry.recorded_at.toISOString(),
    call_id: entry.call_id,
    job_id: entry.job_id,
    attempt: entry.attempt,
    epoch: entry.epoch,
    call_no: entry.call_no,
    run_id: entry.run_id,
    tenant: entry.tenant,
    key_id: entry.key_id,
    task_type: entry.task_type,
    model: entry.model,
    region: entry.region,
    endpoint_id: entry.endpoint_id,
    provider: entry.provider,
    gpu: entry.gpu,
    outcome: entry.outcome,
    accepted: entry.accepted,
    http_status: entry.http_status,
    error_code: entry.error_code,
    error: entry.error_detail,
    cold_start: entry.cold_start,
    estimated: entry.estimated,
    duration_ms: integer(entry.duration_ms),
    gpu_ms: integer(entry.cold_start_ms) + integer(entry.busy_ms) + integer(entry.idle_ms),
    cold_start_ms: integer(entry.cold_start_ms),
    busy_ms: integer(entry.busy_ms),
    idle_ms: integer(entry.idle_ms),
    gpu_nano_usd_per_s: optional(entry.gpu_nano_usd_per_s),
    region_multiplier_millionths: optional(entry.region_multiplier_millionths),
    gpu_cost_micro_usd: optional(entry.gpu_cost_micro_usd),
    tokens_in: optional(entry.tokens_in),
    tokens_out: optional(entry.tokens_out),
    input_micro_usd_per_million_tokens: optional(entry.input_micro_usd_per_million_tokens),
    output_micro_usd_per_million_tokens: optional(entry.output_micro_usd_per_million_tokens),
    llm_cost_micro_usd: optional(entry.llm_cost_micro_usd),
    total_micro_usd: integer(entry.total_micro_usd),
    total_usd: decimalUsd(BigInt(entry.total_micro_usd)),
    unpriced: entry.unpriced,
    prices_from: entry.prices_day,
  };
}

export function sumsView(sums: LedgerSums): LedgerSumsView {
  const [coldStartMs, busyMs, idleMs] = [sums.cold_start_ms, sums.busy_ms, sums.idle_ms].map(Number) as [
    number,
    number,
    number,
  ];
  return {
    entries: Number(sums.entries),
    calls: Number(sums.calls),
    accepted: Number(sums.accepted),
    cold_starts: Number(sums.cold_starts),
    estimated_entries: Number(sums.estimated),
    unpriced_entries: Number(sums.unpriced),
    gpu_ms: coldStartMs + busyMs + idleMs,
    cold_start_ms: coldStartMs,
    busy_ms: busyMs,
    idle_ms: idleMs,
    tokens_in: Number(sums.tokens_in),
    tokens_out: Number(sums.tokens_out),
    gpu_cost_micro_usd: Number(sums.gpu_cost_micro_usd),
    llm_cost_micro_usd: Number(sums.llm_cost_micro_usd),
    total_micro_usd: Number(sums.total_micro_usd),
    total_usd: decimalUsd(BigInt(sums.total_micro_usd)),
  };
}

/** Every entry that matches, piece by piece, as fast as the client takes it. */
export async function* ledgerStream(
  database: Database,
  filter: LedgerFilter,
  format: Exclude<LedgerFormat, 'json'>,
  order: LedgerOrder,
  cursor: string | undefined,
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') yield csvHeader(COLUMNS);
  let after = cursor;
  for (;;) {
    const entries = await readLedger(database, filter, order, after, BATCH);
    const views = entries.map(entryView);
    yield views
      .map((view) => (format === 'csv' ? csvRow(view, COLUMNS) : `${JSON.stringify(view)}\n`))
      .join('');
    const last = entries.at(-1);
    if (last === undefined || entries.length < BATCH) return;
    after = last.entry_no;
  }
}

/** New columns join at the end: scripts count them. */
const COLUMNS = [
  'entry_no',
  'kind',
  'began_at',
  'at',
  'recorded_at',
  'call_id',
  'job_id',
  'attempt',
  'epoch',
  'call_no',
  'run_id',
  'tenant',
  'key_id',
  'task_type',
  'model',
  'region',
  'endpoint_id',
  'provider',
  'gpu',
  'outcome',
  'accepted',
  'http_status',
  'error_code',
  'error',
  'cold_start',
  'estimated',
  'duration_ms',
  'gpu_ms',
  'cold_start_ms',
  'busy_ms',
  'idle_ms',
  'gpu_nano_usd_per_s',
  'region_multiplier_millionths',
  'gpu_cost_micro_usd',
  'tokens_in',
  'tokens_out',
  'input_micro_usd_per_million_tokens',
  'output_micro_usd_per_million_tokens',
  'llm_cost_micro_usd',
  'total_micro_usd',
  'total_usd',
  'unpriced',
  'prices_from',
] as const satisfies readonly (keyof LedgerEntryView)[];
