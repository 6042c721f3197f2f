import { ledgerEntrySchema, type LedgerEntryView } from '#contracts';

/** Every entry of a router's ledger, read as JSON lines. */
export async function readLedger(url: string): Promise<LedgerEntryView[]> {
  const response = await fetch(`${url}/ledger?format=jsonl`);
  if (response.status !== 200) throw new Error(`the ledger cannot be read: ${response.status}`);
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => ledgerEntrySchema.parse(JSON.parse(line)));
}
