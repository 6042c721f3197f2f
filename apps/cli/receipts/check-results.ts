import { createHash } from 'node:crypto';
import { cellKey, cellResultSchema, type Receipt, type ReceiptCell } from '#contracts';
import { z } from 'zod';

// Results that were saved before a column was added can be checked as well.
const rowSchema = cellResultSchema
  .pick({
    ...{ question_id: true, model: true, region: true, repeat: true, status: true },
    ...{ response: true, answered_region: true, substituted: true },
  })
  .extend({ seed: cellResultSchema.shape.seed.optional(), erased: z.boolean().optional() });
const documentSchema = z.object({ run_id: z.string(), results: z.array(z.unknown()) });

/**
 * Holds saved results (`json` or `jsonl`) against a receipt: one row per cell, every answer the one that was signed.
 * Where the run went on, cells that were open then may have been answered since.
 * @returns what differs, one sentence each
 */
export function checkResults(receipt: Receipt, text: string): string[] {
  const faults: string[] = [];
  const cells = new Map(receipt.cells.map((cell) => [cellKey(cell), cell]));
  const rows = rowsOf(text, receipt.run.run_id, faults);
  let rowNo = 0;
  for (const row of rows) {
    rowNo += 1;
    const parsed = rowSchema.safeParse(row);
    if (!parsed.success) {
      faults.push(`results, row ${rowNo}: is not a result`);
      continue;
    }
    const key = cellKey(parsed.data);
    const cell = cells.get(key);
    if (cell === undefined)
      faults.push(`results, row ${rowNo}: ${key} is not in the receipt, or comes again`);
    else checkRow(cell, parsed.data, receipt.ended, faults);
    cells.delete(key);
  }
  const [left] = cells.keys();
  if (left !== undefined) faults.push(`results: ${cells.size} cells have no row, first ${left}`);
  return faults;
}

function rowsOf(text: string, runId: string, faults: string[]): unknown[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  try {
    // Rows have no run_id: what has one is the document of the format `json`.
    const document = documentSchema.safeParse(JSON.parse(text));
    if (document.success) {
      if (document.data.run_id !== runId) faults.push(`results are those of run ${document.data.run_id}`);
      return document.data.results;
    }
  } catch {
    // Then each line is one row.
  }
  return lines.map((line) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      return undefined;
    }
  });
}

function checkRow(cell: ReceiptCell, row: z.infer<typeof rowSchema>, ended: boolean, faults: string[]): void {
  const isOpen = cell.status === 'pending' || cell.status === 'submitted';
  if (isOpen && !ended) return;
  const fault = (what: string): void => void faults.push(`results, cell ${cell.cell_no}: ${what}`);
  if (row.status !== cell.status) fault(`is ${row.status}, but ${cell.status} in the receipt`);
  // What has been erased since cannot be held against its hash.
  const isErased = row.erased === true && row.response === null && cell.answer_sha256 !== null;
  const hash = row.response === null ? null : createHash('sha256').update(row.response, 'utf8').digest('hex');
  if (!isErased && hash !== cell.answer_sha256) fault('does not hold the answer that was signed');
  if (row.seed !== undefined && row.seed !== (cell.seed ?? null)) fault('has another seed than was signed');
  if (row.answered_region !== cell.answered_region || row.substituted !== cell.substituted)
    fault('does not say of its answer where it is from as the receipt does');
}
