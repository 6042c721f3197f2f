import { createHash } from 'node:crypto';
import { ProblemError, openAiStatus } from '#contracts';
import { keptWords, waitsForRoom, type Caller } from '#domain';
import {
  readBytes,
  readUnaskedLines,
  recordAsked,
  type AskedLine,
  type BatchRow,
  type Database,
  type LineRefusal,
} from '#persistence';
import { originOf, type JobIntake } from '../../jobs/intake.js';
import { isLastingFault } from './lasting-faults.js';
import type { LineContext, LineJobs, RefusedLine } from './line-jobs.js';

/** Bytes of the input file that are read at once, unless a line alone is longer. */
const PIECE_BYTES = 1_048_576;
/** How long a batch waits for room that nobody has said anything about, and how long at most. */
const WAIT_S = 2;
const WAIT_MAX_S = 30;

export interface Asked {
  /** Lines that were made jobs of, or refused. */
  readonly lines: number;
  readonly refused: number;
  /** Every line up to this one has been asked; undefined: nothing is known of it. */
  readonly upTo: number | undefined;
  /** There are no more lines to ask. */
  readonly isLast: boolean;
  /** There is no room, no money left for today, or no database: how long to wait before the rest is asked. */
  readonly waitMs: number | undefined;
  readonly waitsFor: string | undefined;
  /** The batch is asked no more, or by another router: jobs are not made of its lines here. */
  readonly hasLeft: boolean;
}

const NOTHING: Asked = {
  ...{ lines: 0, refused: 0, upTo: undefined, isLast: false, waitMs: undefined, waitsFor: undefined },
  hasLeft: false,
};

/**
 * Makes the next lines jobs. Each has an idempotency key that follows from batch and line: asked again after a crash it is
 * the same job, and is paid for once. A batch that has left `in_progress` meanwhile, or was taken by another router, gets
 * no jobs: that is decided where they are inserted.
 * @param room how many more may be under way
 */
export async function askLines(
  { database, intake, lineJobs }: { database: Database; intake: JobIntake; lineJobs: LineJobs },
  batch: BatchRow,
  caller: Caller,
  afterLineNo: number,
  room: number,
): Promise<Asked> {
  const unasked = await readUnaskedLines(database, batch.id, afterLineNo, room);
  const [first] = unasked;
  if (first === undefined) return { ...NOTHING, isLast: true };
  const fitting = unasked.filter(
    (line) => line === first || line.atByte + line.bytes - first.atByte <= PIECE_BYTES,
  );
  const last = fitting.at(-1) ?? first;
  const piece = await readBytes(database, batch.inputFileId, first.atByte, last.atByte + last.bytes);
  const context: LineContext = { ...batch, batchId: batch.id, limits: caller.limits };
  let waiting: ProblemError | undefined;
  let hasLeft = false;
  const asked = await Promise.all(
    fitting.map(async ({ lineNo, atByte, bytes }): Promise<AskedLine | undefined> => {
      if (piece === undefined) {
        const message = 'the input file could not be read any more';
        return {
          lineNo,
          jobId: null,
          refusal: { status: 500, code: 'FILE_NOT_FOUND', message, param: null },
        };
      }
      const content = piece.subarray(atByte - first.atByte, atByte - first.atByte + bytes);
      const read = lineJobs.read(content, lineNo, context);
      if ('fault' in read) {
        // It was good when the batch was validated: what the key may, or what is deployed, has changed since.
        return { lineNo, jobId: null, refusal: refusalOf(read) };
      }
      try {
        const { jobId } = await intake.accept(
          read.line.request,
          lineKey(batch.id, lineNo),
          originOf(caller, { batch, requestHash: createHash('sha256').update(content).digest('hex') }),
        );
        return { lineNo, jobId, refusal: null };
      } catch (error) {
        if (!(error instanceof ProblemError)) {
          if (!isLastingFault(error)) throw error;
          const message = 'the job could not be made, by a fault of the server';
          return { lineNo, jobId: null, refusal: { ...UNMADE, message } };
        }
        if (error.code === 'BATCH_FINISHED') {
          hasLeft = true;
          return undefined;
        }
        // A deadline that has come meanwhile, by this process's clock, is no fault of the line: it expires with its batch.
        const isOver = Date.now() >= batch.expiresAt.getTime();
        if (isOver || waitsForRoom(error.code)) {
          waiting ??= error;
          return undefined;
        }
        return { lineNo, jobId: null, refusal: refusalOfProblem(error) };
      }
    }),
  );
  const known = asked.filter((line) => line !== undefined);
  if (known.length > 0) await recordAsked(database, batch, known);
  return {
    ...NOTHING,
    hasLeft,
    lines: known.length,
    refused: known.filter(({ jobId }) => jobId === null).length,
    upTo: waiting === undefined && !hasLeft ? last.lineNo : undefined,
    waitMs: waiting === undefined ? undefined : Math.min(WAIT_MAX_S, waiting.retryAfterS ?? WAIT_S) * 1000,
    waitsFor: waiting?.code,
  };
}

const UNMADE = { status: 500, code: 'INTERNAL_ERROR', param: null };

function refusalOf({ fault, problem }: RefusedLine): LineRefusal {
  if (problem !== undefined) return refusalOfProblem(problem);
  const { code, message, param } = fault;
  return code === 'internal_error' ? { ...UNMADE, message } : { status: 400, code, message, param };
}

/** As the door would tell it. */
function refusalOfProblem({ code, detail, errors }: ProblemError): LineRefusal {
  const field = errors[0]?.field;
  const param = field === undefined ? null : keptWords(field);
  return { status: openAiStatus(code), code, message: keptWords(detail), param };
}

/** No client can send a key with a space in it: lines and jobs do not meet. */
export function lineKey(batchId: string, lineNo: number): string {
  return `${lineKeyPrefix(batchId)}${lineNo}`;
}

/** What the keys of all lines of a batch begin with; the number of the line follows. */
export function lineKeyPrefix(batchId: string): string {
  return `batch ${batchId} `;
}
