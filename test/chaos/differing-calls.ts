import type { LedgerEntryView } from '#contracts';
import type { AccountedCall } from '../stack/stand-in.js';

/**
 * I4: each call that the platform saw is in the ledger once, and none that it did not see.
 * @returns what differs, in words
 */
export function differingCalls(
  calls: readonly AccountedCall[],
  ledger: readonly LedgerEntryView[],
): string[] {
  const nameOf = (endpoint: string, jobId: string | null, attempt: number | null): string =>
    `${endpoint}, job ${jobId}, attempt ${attempt}`;
  const seen = counted(calls.map((call) => nameOf(call.endpoint, call.job_id, call.attempt)));
  const entered = counted(
    ledger
      .filter(({ kind }) => kind === 'call')
      .map((entry) => nameOf(entry.endpoint_id, entry.job_id, entry.attempt)),
  );
  return [...new Set([...seen.keys(), ...entered.keys()])].flatMap((name) => {
    const [was, is] = [seen.get(name) ?? 0, entered.get(name) ?? 0];
    return was === is ? [] : [`${name}: ${was} calls, and ${is} entries in the ledger`];
  });
}

function counted(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
