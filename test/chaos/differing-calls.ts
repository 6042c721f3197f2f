import type { LedgerEntryView } from '#contracts';
import type { AccountedCall } from '../stack/stand-in.js';

const UNHEARD: ReadonlySet<LedgerEntryView['outcome']> = new Set(['cancelled', 'orphaned']);

/**
 * I4: each call that the platform saw is in the ledger once, and none that it did not see. Only of a call that was
 * cancelled before anything was heard of it, or whose dispatcher died after it had said that it begins, nobody can know
 * whether its request had arrived: it is in the ledger.
 * @param missingMax so many calls may be missing in the ledger: nobody is left who knows of them
 * @returns what differs, in words
 */
export function differingCalls(
  calls: readonly AccountedCall[],
  ledger: readonly LedgerEntryView[],
  missingMax = 0,
): string[] {
  const nameOf = (endpoint: string, jobId: string | null, attempt: number | null): string =>
    `${endpoint}, job ${jobId}, attempt ${attempt}`;
  const nameOfEntry = (entry: LedgerEntryView): string =>
    nameOf(entry.endpoint_id, entry.job_id, entry.attempt);
  const entries = ledger.filter(({ kind }) => kind === 'call');
  const seen = counted(calls.map((call) => nameOf(call.endpoint, call.job_id, call.attempt)));
  const entered = counted(entries.map(nameOfEntry));
  const unheard = counted(
    entries
      .filter(({ outcome, http_status: status }) => UNHEARD.has(outcome) && status === null)
      .map(nameOfEntry),
  );
  let mayBeMissing = missingMax;
  return [...new Set([...seen.keys(), ...entered.keys()])].flatMap((name) => {
    const [was, is] = [seen.get(name) ?? 0, entered.get(name) ?? 0];
    const isIn = was <= is && is - was <= (unheard.get(name) ?? 0);
    const missing = was - is;
    if (missing > 0 && missing <= mayBeMissing) {
      mayBeMissing -= missing;
      return [];
    }
    return isIn ? [] : [`${name}: ${was} calls, and ${is} entries in the ledger`];
  });
}

function counted(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
