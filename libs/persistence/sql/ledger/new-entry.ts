import type { CallOutcome, LedgerKind } from '#domain';

/** What says which call an entry is of and how it ended; the same on its way into the table and out of it. */
export interface LedgerEntryCall {
  readonly kind: LedgerKind;
  readonly call_id: string;
  readonly job_id: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly call_no: number;
  readonly run_id: string | null;
  readonly tenant: string;
  readonly key_id: string | null;
  readonly task_type: string | null;
  readonly model: string;
  readonly region: string;
  readonly endpoint_id: string;
  readonly provider: string;
  readonly gpu: string | null;
  readonly outcome: CallOutcome;
  readonly accepted: boolean;
  readonly http_status: number | null;
  readonly error_code: string | null;
}

/** A row of `ledger_entries` to be. Amounts are decimal strings of integers: JSON has no 64-bit numbers. */
export interface NewLedgerEntry extends LedgerEntryCall {
  /** Kept in `ledger_errors`, where it can be erased. */
  readonly error_detail: string | null;
  readonly cold_start: boolean | null;
  readonly estimated: boolean;
  /** Unix ms. */
  readonly began_ms: number;
  readonly at_ms: number;
  readonly cold_start_ms: number;
  readonly busy_ms: number;
  readonly idle_ms: number;
  readonly gpu_nano_usd_per_s: string | null;
  readonly region_multiplier_millionths: string | null;
  readonly gpu_cost_micro_usd: string | null;
  readonly tokens_in: number | null;
  readonly tokens_out: number | null;
  readonly input_micro_usd_per_million_tokens: string | null;
  readonly output_micro_usd_per_million_tokens: string | null;
  readonly llm_cost_micro_usd: string | null;
  readonly total_micro_usd: string;
  readonly unpriced: boolean;
  readonly prices_from: string;
}
