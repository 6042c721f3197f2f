import type { Logger, Metrics } from '#observability';
import type { NewLedgerEntry } from '#persistence';

/** Once they are committed. Amounts are for those who may read the ledger, so neither log nor metrics have them. */
export function reportEntries(entries: readonly NewLedgerEntry[], metrics: Metrics, logger: Logger): void {
  for (const {
    kind,
    outcome,
    region,
    call_id,
    job_id,
    attempt,
    call_no,
    endpoint_id,
    estimated,
  } of entries) {
    metrics.count('beacon_ledger_entries_total', { region, kind, outcome });
    logger.debug(
      { event: 'ledger.entered', kind, outcome, call_id, job_id, attempt, call_no, endpoint_id, estimated },
      'an entry of the ledger was written',
    );
  }
}
