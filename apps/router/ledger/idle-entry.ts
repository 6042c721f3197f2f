import { gpuCostMicroUsd, type IdleTime } from '#domain';
import type { NewLedgerEntry } from '#persistence';

/**
 * The entry of the time for which a container idled after a call, at the call's own rate. Entries are never changed, so
 * it stands beside that of the call, and on the same account.
 */
export function idleEntry(call: NewLedgerEntry, { fromMs, untilMs }: IdleTime): NewLedgerEntry {
  const { gpu_nano_usd_per_s: rate, region_multiplier_millionths: multiplier } = call;
  const cost =
    rate === null || multiplier === null
      ? null
      : gpuCostMicroUsd(untilMs - fromMs, BigInt(rate), BigInt(multiplier));
  return {
    ...call,
    kind: 'idle',
    http_status: null,
    error_code: null,
    error_detail: null,
    cold_start: null,
    estimated: true,
    began_ms: fromMs,
    at_ms: untilMs,
    cold_start_ms: 0,
    busy_ms: 0,
    idle_ms: untilMs - fromMs,
    gpu_cost_micro_usd: cost === null ? null : String(cost),
    tokens_in: null,
    tokens_out: null,
    input_micro_usd_per_million_tokens: null,
    output_micro_usd_per_million_tokens: null,
    llm_cost_micro_usd: null,
    total_micro_usd: String(cost ?? 0n),
    unpriced: cost === null,
  };
}
