import type { KeyLimits, LineFault, LineFaultCode } from '#domain';
import {
  clearLines,
  findDuplicateLines,
  insertLines,
  readChunk,
  type BatchRow,
  type Database,
  type NewLine,
} from '#persistence';
import type { LineJobs } from './line-jobs.js';
import { splitLines } from './split-lines.js';

/** Lines that are inserted with one statement. */
const PAGE_LINES = 500;
/** More than these help nobody. */
const FAULTS_MAX = 100;

export interface Validated {
  readonly total: number;
  readonly lastLine: number;
  /** Of all lines; null: they name several. */
  readonly model: string | null;
}

export interface ValidationParts {
  readonly database: Database;
  readonly lineJobs: LineJobs;
  readonly linesMax: number;
  readonly lineBytesMax: number;
}

/**
 * Reads a batch's file once from its beginning to its end, and notes where each line lies. Begun again after a crash it
 * does the same again: nothing is asked before all of it was read.
 * @returns what is wrong with it, in the order of its lines; or what there is to ask; `stopped` also where the batch is
 *   another's, or has been cancelled
 */
export async function validateBatch(
  { database, lineJobs, linesMax, lineBytesMax }: ValidationParts,
  batch: BatchRow,
  limits: KeyLimits,
  stopped: () => boolean,
): Promise<Validated | readonly LineFault[] | 'stopped'> {
  const faults: LineFault[] = [];
  const fault = (code: LineFaultCode, message: string, line: number | null = null): void => {
    faults.push({ code, message, param: null, line });
  };
  const models = new Set<string>();
  let page: NewLine[] = [];
  let total = 0;
  let lastLine = 0;
  if (!(await clearLines(database, batch))) return 'stopped';
  /** @returns whether the batch is still validated here */
  const flush = async (): Promise<boolean> => {
    const isHeld = page.length === 0 || (await insertLines(database, batch, page));
    page = [];
    return isHeld;
  };
  for await (const { lineNo, atByte, bytes, content } of splitLines(
    contentOf(database, batch.inputFileId, stopped),
    lineBytesMax,
  )) {
    if (stopped()) return 'stopped';
    total += 1;
    lastLine = lineNo;
    if (total > linesMax) {
      fault('too_many_tasks', `The file has more than ${linesMax} requests (limits.batch_lines).`);
      break;
    }
    if (content === null) {
      fault('line_too_long', `This line is longer than ${lineBytesMax} bytes (limits.body_bytes).`, lineNo);
    } else {
      const read = lineJobs.read(content, lineNo, { ...batch, batchId: batch.id, limits });
      if ('fault' in read) faults.push(read.fault);
      else {
        if (models.size < 2) models.add(read.line.modelName);
        page.push({ line_no: lineNo, at_byte: atByte, bytes, custom_id: read.line.customId });
      }
    }
    if (faults.length >= FAULTS_MAX) break;
    if (page.length >= PAGE_LINES && !(await flush())) return 'stopped';
  }
  if (stopped() || !(await flush())) return 'stopped';
  if (total === 0) fault('empty_file', 'The file has no requests.');
  const duplicates = await findDuplicateLines(database, batch.id, FAULTS_MAX);
  for (const { lineNo, firstLineNo } of duplicates) {
    faults.push({
      code: 'duplicate_custom_id',
      message: `The custom_id of this line is that of line ${firstLineNo}, too; each must be used once.`,
      param: 'custom_id',
      line: lineNo,
    });
  }
  if (faults.length === 0)
    return { total, lastLine, model: models.size === 1 ? ([...models][0] ?? null) : null };
  return faults
    .toSorted((left, right) => (left.line ?? Infinity) - (right.line ?? Infinity))
    .slice(0, FAULTS_MAX);
}

/** A file of blank lines has none at which to stop, so it is looked at each chunk, too. */
async function* contentOf(
  database: Database,
  fileId: string,
  stopped: () => boolean,
): AsyncGenerator<Buffer, void, undefined> {
  for (let chunkNo = 0; !stopped(); chunkNo += 1) {
    const chunk = await readChunk(database, fileId, chunkNo);
    if (chunk === undefined) return;
    yield chunk;
  }
}
