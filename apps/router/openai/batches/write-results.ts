import { OUTPUT_PURPOSE, batchIdOf, type ChatCompletion, type TextCompletion } from '#contracts';
import { endOfBatch, nextBatchStatus, type BatchStatus } from '#domain';
import type { Logger } from '#observability';
import {
  countOutcomes,
  moveBatch,
  readBytes,
  readEndedLines,
  type BatchChange,
  type BatchRow,
  type Database,
  type EndedLine,
} from '#persistence';
import { FileWriter } from '../files/file-writer.js';
import { answeredLine, unansweredLine, untoldLine } from './line-results.js';
import type { LineJobs } from './line-jobs.js';

/** Lines whose answers are in memory at once, and how many bytes of requests and answers. */
const PAGE_LINES = 200;
const PAGE_BYTES = 2_097_152;

export interface WritingParts {
  readonly database: Database;
  readonly lineJobs: LineJobs;
  /** Of output files and error files that a batch says nothing about; null: they stay. */
  readonly expiresS: { readonly output: number | null; readonly error: number | null };
  readonly logger: Logger;
}

/** Of all answers that are in the output file; lines that were answered and whose answer cannot be told have failed. */
interface Told {
  inputTokens: number;
  outputTokens: number;
  untold: number;
  /** Kinds of what kept them from being told. */
  readonly causes: Set<string>;
}

/**
 * Writes what became of every line, in the order of the input, and ends the batch in the transaction that shows the files.
 * Dying on the way, or two at once, leaves files that nobody sees.
 * @returns undefined: somebody else has ended it, or it was stopped
 */
export async function writeResults(
  parts: WritingParts,
  batch: BatchRow,
  from: 'finalizing' | 'cancelling',
  stopped: () => boolean,
): Promise<BatchRow | undefined> {
  const { database, expiresS } = parts;
  const owner = { tenant: batch.tenant, keyId: batch.keyId };
  const output = new FileWriter(database, owner);
  const errors = new FileWriter(database, owner);
  const told: Told = { inputTokens: 0, outputTokens: 0, untold: 0, causes: new Set() };
  try {
    for (let after = 0; ;) {
      if (stopped()) {
        await dropBoth(output, errors);
        return undefined;
      }
      const lines = await readEndedLines(database, batch.id, after, PAGE_LINES, PAGE_BYTES);
      const last = lines.at(-1);
      if (last === undefined) break;
      after = last.lineNo;
      const { good, bad } = await linesOf(parts, batch, lines, told);
      await output.write(good);
      await errors.write(bad);
    }
    const outcomes = await countOutcomes(database, batch.id);
    const counts = {
      ...outcomes,
      completed: outcomes.completed - told.untold,
      failed: outcomes.failed + told.untold,
    };
    const event = endOfBatch(from, counts);
    const to = nextBatchStatus(from, event) as Exclude<BatchStatus, 'validating'>;
    for (const file of [output, errors]) if (file.bytes > 0) await file.flush();
    const { completed, failed } = counts;
    const { inputTokens, outputTokens } = told;
    const change: BatchChange = {
      ...{ completed, failed, usage: completed > 0 ? { inputTokens, outputTokens } : null },
      outputFileId: output.bytes > 0 ? output.id : null,
      errorFileId: errors.bytes > 0 ? errors.id : null,
      ...(event === 'noneAnswered' ? { errors: [noneAnswered(batch.total)] } : {}),
    };
    const ended = await database.transaction(async (client) => {
      const moved = await moveBatch(client, batch.id, from, to, change, batch.fence);
      if (moved === undefined) return undefined;
      const name = batchIdOf(batch.id);
      const own = batch.outputExpiresS;
      if (output.bytes > 0) {
        await output.finish(client, {
          ...{ filename: `${name}_output.jsonl`, purpose: OUTPUT_PURPOSE },
          expiresS: own ?? expiresS.output,
        });
      }
      if (errors.bytes > 0) {
        await errors.finish(client, {
          ...{ filename: `${name}_error.jsonl`, purpose: OUTPUT_PURPOSE },
          expiresS: own ?? expiresS.error,
        });
      }
      return moved;
    });
    if (ended === undefined) await dropBoth(output, errors);
    else if (told.untold > 0) {
      // Without what parsers say: they quote the line.
      const { untold: lines, causes } = told;
      parts.logger.error(
        { event: 'batch.answers_not_told', batch_id: batchIdOf(batch.id), lines, causes: [...causes] },
        'lines were answered, and cannot be read any more',
      );
    }
    return ended;
  } catch (error) {
    await dropBoth(output, errors).catch(() => undefined);
    throw error;
  }
}

async function linesOf(
  { database, lineJobs }: WritingParts,
  batch: BatchRow,
  lines: readonly EndedLine[],
  told: Told,
): Promise<{ good: string; bad: string }> {
  let good = '';
  let bad = '';
  const [first] = lines;
  const last = lines.at(-1);
  if (first === undefined || last === undefined) return { good, bad };
  // What was asked says how an answer is told: where it stops, and which model it is of.
  const piece = await readBytes(database, batch.inputFileId, first.atByte, last.atByte + last.bytes);
  for (const line of lines) {
    const { jobId, result, createdAt, attempt } = line;
    const response = result?.response ?? null;
    if (line.outcome !== 'completed' || jobId === null || result === null || response === null) {
      bad += `${JSON.stringify(unansweredLine(line, batch.id))}\n`;
      continue;
    }
    let body: ChatCompletion | TextCompletion;
    try {
      if (piece === undefined) throw new Error('the input file is gone');
      const content = piece.subarray(line.atByte - first.atByte, line.atByte - first.atByte + line.bytes);
      body = lineJobs.answerOf(content, batch.endpoint, {
        ...{ id: jobId, createdAt: createdAt ?? batch.createdAt, attempt: attempt ?? 1 },
        result: { ...result, response },
      });
    } catch (error) {
      // It would be so each time: the others do not wait for it.
      told.untold += 1;
      // Its kind alone: parsers quote the line.
      told.causes.add(error instanceof Error ? error.name : typeof error);
      bad += `${JSON.stringify(untoldLine(line, jobId))}\n`;
      continue;
    }
    told.inputTokens = sumOf(told.inputTokens, body.usage.prompt_tokens);
    told.outputTokens = sumOf(told.outputTokens, body.usage.completion_tokens);
    good += `${JSON.stringify(answeredLine(line, jobId, body))}\n`;
  }
  return { good, bad };
}

/** What endpoints say may be anything: beyond this no client could read it, nor Beacon show it. */
function sumOf(left: number, right: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, left + right));
}

async function dropBoth(output: FileWriter, errors: FileWriter): Promise<void> {
  await output.drop();
  await errors.drop();
}

function noneAnswered(total: number) {
  return {
    code: 'all_requests_failed',
    message: `None of the ${total} requests was answered. The error file says why for each.`,
    param: null,
    line: null,
  };
}
