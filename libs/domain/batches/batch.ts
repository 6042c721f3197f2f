/** A batch's durable status: OpenAI's eight. docs/batches.md draws the arrows. */
export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** What can happen to a batch. */
export const BATCH_EVENTS = [
  'validated', // every line can be asked
  'rejected', // some cannot: nothing was asked
  'cancelRequested', // by a client, or because its key has ended
  'linesEnded', // no line is under way any more, and none will be
  'answered', // the files are written, and at least one line has an answer
  'noneAnswered', // the files are written, and no line has one
  'windowPassed', // the files are written, and lines are left that were not answered in time
  'gaveUp', // the files cannot be written, however often it is tried
  'woundUp', // cancelled: what was answered before is written
] as const;
export type BatchEvent = (typeof BATCH_EVENTS)[number];

const ARROWS: Readonly<Record<BatchStatus, Partial<Readonly<Record<BatchEvent, BatchStatus>>>>> = {
  validating: {
    validated: 'in_progress',
    rejected: 'failed',
    cancelRequested: 'cancelling',
    windowPassed: 'expired',
  },
  in_progress: { linesEnded: 'finalizing', cancelRequested: 'cancelling' },
  finalizing: { answered: 'completed', noneAnswered: 'failed', windowPassed: 'expired', gaveUp: 'failed' },
  cancelling: { woundUp: 'cancelled' },
  failed: {},
  completed: {},
  expired: {},
  cancelled: {},
};

/** @returns the status that follows, or `undefined` where the arrow does not exist: nothing changes then */
export function nextBatchStatus(status: BatchStatus, event: BatchEvent): BatchStatus | undefined {
  return ARROWS[status][event];
}

/** Every arrow, for the documentation test and the property tests. */
export function batchArrows(): readonly { from: BatchStatus; event: BatchEvent; to: BatchStatus }[] {
  return BATCH_STATUSES.flatMap((from) =>
    BATCH_EVENTS.flatMap((event) => {
      const to = ARROWS[from][event];
      return to === undefined ? [] : [{ from, event, to }];
    }),
  );
}

export const UNFINISHED_BATCH_STATUSES = ['validating', 'in_progress', 'finalizing', 'cancelling'] as const;

export function isBatchFinished(status: BatchStatus): boolean {
  return !(UNFINISHED_BATCH_STATUSES as readonly BatchStatus[]).includes(status);
}

/** How many of a batch's lines became what, once none is under way any more. */
export interface LineCounts {
  readonly completed: number;
  readonly failed: number;
  /** Not answered before the window had passed. */
  readonly expired: number;
  /** Not answered before the batch was cancelled. */
  readonly cancelled: number;
}

/**
 * How a batch ends whose files are written. A cancelled one is cancelled whatever was answered; one with lines that ran
 * out of time has expired, whatever was answered; and one without a single answer has failed, and does not read as done.
 */
export function endOfBatch(
  status: 'finalizing' | 'cancelling',
  { completed, expired }: LineCounts,
): 'answered' | 'noneAnswered' | 'windowPassed' | 'woundUp' {
  if (status === 'cancelling') return 'woundUp';
  if (expired > 0) return 'windowPassed';
  return completed > 0 ? 'answered' : 'noneAnswered';
}

const UNITS_S = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const COMPLETION_WINDOW_MAX_S = 7 * 86_400;

/**
 * @param text OpenAI's `24h`, or another whole number of `s`, `m`, `h` or `d` up to seven days
 * @returns seconds; undefined: it is none
 */
export function completionWindowS(text: string): number | undefined {
  const parts = /^([1-9][0-9]{0,6})([smhd])$/.exec(text);
  if (parts === null) return undefined;
  const seconds = Number(parts[1]) * UNITS_S[parts[2] as keyof typeof UNITS_S];
  return seconds <= COMPLETION_WINDOW_MAX_S ? seconds : undefined;
}
