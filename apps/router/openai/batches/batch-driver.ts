import { ProblemError, batchIdOf } from '#contracts';
import {
  TERMINAL_STATES,
  nextBatchStatus,
  outcomeOfJob,
  outcomeUnasked,
  type BatchEvent,
  type BatchStatus,
  type Caller,
  type LineOutcome,
} from '#domain';
import {
  adoptJobs,
  dropLines,
  findBatch,
  lockBatch,
  moveBatch,
  readFileTenant,
  readJobsGoing,
  readLinesUnderWay,
  recordOutcomes,
  recordUnasked,
  takeBatch,
  type BatchChange,
  type BatchRow,
  type LinesUnderWay,
} from '#persistence';
import { askLines, lineKeyPrefix } from './ask-lines.js';
import type { KeeperParts, KeyFault } from './keeper-parts.js';
import { isLastingFault } from './lasting-faults.js';
import { validateBatch } from './validate-batch.js';
import { writeResults } from './write-results.js';

/** How long a batch on which nothing happens is left alone, at first and at most. */
const IDLE_MS = 50;
const IDLE_MAX_MS = 1000;
/** How long jobs are let end before they are counted and others asked. */
const STEP_MS = 50;
/** After a fault, at first and at most; each that follows at once waits twice as long. */
const FAULT_MS = 2000;
const FAULT_MAX_MS = 16_000;
/** A step that fails so often in a row, and never by a fault that passes, will not succeed. */
const LASTING_FAULTS_MAX = 10;
/** A job that was told to end and goes on is told again. */
const CANCEL_AGAIN_MS = 5000;

const KEY_FAULTS: Readonly<Record<KeyFault, string>> = {
  key_ended: 'The key that made the batch has expired or was revoked, and no other replaces it.',
  key_may_not_submit: 'The key that made the batch, or the one that replaces it, has lost the role "submit".',
};

/** How a batch is ended that cannot go on; of one that has ended, nothing is left to be done. */
const GIVING_UP: Readonly<Partial<Record<BatchStatus, BatchEvent>>> = {
  validating: 'rejected',
  in_progress: 'cancelRequested',
  finalizing: 'gaveUp',
  cancelling: 'woundUp',
};

/** What a step of a batch came to: go on at once, or after so long; or it has ended. */
type Step = 'on' | 'done' | { readonly waitMs: number };

/**
 * Drives one batch to its end, step by step. All it knows is in the database: another router goes on where this one
 * stopped. Where this one is still in the middle of a step then, what it writes is refused: the other has raised the fence.
 */
export class BatchDriver {
  private readonly stopping = new AbortController();
  private wake: () => void = () => undefined;
  private woken = false;
  private idleMs = IDLE_MS;
  private fence: number | undefined;
  /** Every line up to this one has been asked. */
  private askedUpTo = 0;
  private waitsUntilMs = 0;
  private cancelledAtMs = -Infinity;
  /** Steps that have failed since the last that did not: all of them, and by what does not pass. */
  private faults = 0;
  private lastingFaults = 0;

  constructor(
    private readonly id: string,
    private readonly parts: KeeperParts,
  ) {}

  /** Resolves when the batch has ended, or the driver was stopped. */
  async run(): Promise<void> {
    while (!this.stopped()) {
      let step: Step;
      try {
        step = await this.step();
        this.faults = 0;
        this.lastingFaults = 0;
      } catch (error) {
        step = await this.afterFault(error);
      }
      if (step === 'done') return;
      if (step === 'on') this.idleMs = IDLE_MS;
      else await this.pause(step.waitMs);
    }
  }

  /** Something has changed: it is looked at now. */
  poke(): void {
    this.woken = true;
    this.wake();
  }

  stop(): void {
    this.stopping.abort();
    this.wake();
  }

  private readonly stopped = (): boolean => this.stopping.signal.aborted;

  private async afterFault(error: unknown): Promise<Step> {
    const { logger, faultMs = FAULT_MS } = this.parts;
    this.faults += 1;
    this.lastingFaults = isLastingFault(error) ? this.lastingFaults + 1 : 0;
    const about = { batch_id: batchIdOf(this.id), err: error };
    if (this.lastingFaults >= LASTING_FAULTS_MAX) {
      logger.error({ event: 'batch.given_up', ...about }, 'a step fails each time: the batch is ended');
      try {
        return await this.giveUp();
      } catch (again) {
        logger.warn({ event: 'batch.step_failed', ...about, err: again }, 'it could not be ended');
      }
    } else logger.warn({ event: 'batch.step_failed', ...about }, 'a step failed and is repeated');
    return { waitMs: Math.min(FAULT_MAX_MS, faultMs * 2 ** (this.faults - 1)) };
  }

  /** Ends a batch that nothing else would end. Where its files can be written, what was answered is kept. */
  private async giveUp(): Promise<Step> {
    const batch = await this.look();
    const event = batch === undefined ? undefined : GIVING_UP[batch.status];
    if (batch === undefined || event === undefined) return 'done';
    const message = 'A fault of the server kept it from going on, however often it was tried.';
    const step = await this.move(batch, event, {
      errors: [{ code: 'internal_error', message, param: null, line: null }],
    });
    this.faults = 0;
    this.lastingFaults = 0;
    return step;
  }

  private async step(): Promise<Step> {
    const { database, bulk, turns } = this.parts;
    this.fence ??= await takeBatch(database, this.id);
    const batch = await this.look();
    if (batch === undefined) return 'done';
    // Others may take their turns for minutes: meanwhile it may have been cancelled, or taken.
    const inTurn = (work: (batch: BatchRow) => Promise<Step>) => async (): Promise<Step> => {
      const now = await this.look();
      return now === undefined || this.stopped() ? 'done' : now.status === batch.status ? work(now) : 'on';
    };
    switch (batch.status) {
      case 'validating':
        return bulk.run(inTurn((now) => this.validate(now)));
      case 'in_progress':
        return turns.run(inTurn((now) => this.goOn(now)));
      case 'finalizing':
        return bulk.run(inTurn((now) => this.write(now, 'finalizing')));
      case 'cancelling':
        return turns.run(inTurn((now) => this.windUp(now)));
      case 'completed':
      case 'failed':
      case 'expired':
      case 'cancelled':
        await dropLines(database, batch.id);
        return 'done';
    }
  }

  /** @returns the batch; undefined: it is no more, or another router drives it */
  private async look(): Promise<BatchRow | undefined> {
    const batch = await findBatch(this.parts.database, this.id);
    return batch?.fence === this.fence ? batch : undefined;
  }

  private async validate(batch: BatchRow): Promise<Step> {
    const caller = await this.parts.callerOf(batch);
    if (typeof caller === 'string') return this.endForKey(batch, caller);
    if (batch.isOver) return this.move(batch, 'windowPassed');
    const found = await this.validated(batch, caller);
    if (found === 'stopped') return 'on';
    if ('total' in found) {
      return this.move(batch, 'validated', found);
    }
    // Its lines hold callers' ids and serve nobody any more; they go with the step after.
    return this.move(batch, 'rejected', { errors: found });
  }

  private async validated(batch: BatchRow, caller: Caller) {
    if ((await readFileTenant(this.parts.database, batch.inputFileId)) === undefined) {
      const message = 'The input file was deleted before it could be read.';
      return [{ code: 'file_gone' as const, message, param: null, line: null }];
    }
    return validateBatch(this.parts, batch, caller.limits, this.stopped);
  }

  private async goOn(batch: BatchRow): Promise<Step> {
    const { database, intake, lineJobs, jobsAtOnce, logger } = this.parts;
    const underWay = await readLinesUnderWay(database, batch.id);
    const ended = await this.settle(batch, underWay);
    const { going } = underWay;
    if (batch.isOver) {
      // Its jobs have the same deadline: they end of themselves.
      if (going > 0) return ended > 0 ? this.later() : this.idle();
      return (await this.endUnasked(batch, false)) ? this.move(batch, 'linesEnded') : 'on';
    }
    const caller = await this.parts.callerOf(batch);
    if (typeof caller === 'string') return this.endForKey(batch, caller);
    const room = jobsAtOnce - going;
    const waitMs = this.waitsUntilMs - performance.now();
    if (room > 0 && waitMs <= 0) {
      const asked = await askLines({ database, intake, lineJobs }, batch, caller, this.askedUpTo, room);
      if (asked.hasLeft) return 'on';
      if (asked.isLast && going === 0) return this.move(batch, 'linesEnded');
      if (asked.waitMs === undefined) this.askedUpTo = asked.upTo ?? this.askedUpTo;
      else {
        this.waitsUntilMs = performance.now() + asked.waitMs;
        logger.debug(
          { event: 'batch.waits', batch_id: batchIdOf(this.id), code: asked.waitsFor, ms: asked.waitMs },
          'lines of a batch wait before they are asked',
        );
      }
      this.countLines('failed', asked.refused);
      if (asked.lines > 0) return this.later();
    }
    return ended > 0 ? this.later() : this.idle();
  }

  private async windUp(batch: BatchRow): Promise<Step> {
    const { database, cancellation, logger } = this.parts;
    if (batch.total === 0) {
      await dropLines(database, batch.id);
      return this.move(batch, 'woundUp');
    }
    const underWay = await readLinesUnderWay(database, batch.id);
    await this.settle(batch, underWay);
    if (underWay.going > 0) {
      if (performance.now() - this.cancelledAtMs > CANCEL_AGAIN_MS) {
        this.cancelledAtMs = performance.now();
        for (const jobId of await readJobsGoing(database, batch.id)) {
          await cancellation.cancel(jobId).catch((error: unknown) => {
            // It ended meanwhile: the next look sees it.
            if (error instanceof ProblemError && error.code === 'JOB_FINISHED') return;
            logger.warn(
              { event: 'batch.job_not_cancelled', batch_id: batchIdOf(batch.id), job_id: jobId, err: error },
              'it is tried again',
            );
          });
        }
        return 'on';
      }
      return this.idle();
    }
    return (await this.endUnasked(batch, true)) ? this.write(batch, 'cancelling') : 'on';
  }

  /**
   * Lines that were never asked get their outcome. No job of the batch is made meanwhile, nor afterwards: its window has
   * passed, or it is being cancelled.
   * @returns false: some had been asked by a router that died before it noted so. Their jobs are not lost, nor left to go
   *   on for nobody: the next step finds them under way
   */
  private async endUnasked(batch: BatchRow, isCancelling: boolean): Promise<boolean> {
    const { id, tenant } = batch;
    const outcome = outcomeUnasked(isCancelling);
    const ended = await this.parts.database.transaction(async (client) => {
      if (!(await lockBatch(client, batch))) return undefined;
      if ((await adoptJobs(client, id, tenant, lineKeyPrefix(id))) > 0) return undefined;
      return recordUnasked(client, id, outcome);
    });
    this.countLines(outcome, ended ?? 0);
    return ended !== undefined;
  }

  /** @returns how many lines have ended since the last look */
  private async settle(batch: BatchRow, { ended }: LinesUnderWay): Promise<number> {
    const isCancelling = batch.status === 'cancelling';
    let lines = 0;
    for (const state of TERMINAL_STATES) {
      const numbers = ended[state];
      if (numbers.length === 0) continue;
      const outcome = outcomeOfJob(state, isCancelling);
      const noted = await recordOutcomes(this.parts.database, batch, numbers, outcome);
      this.countLines(outcome, noted);
      lines += noted;
    }
    return lines;
  }

  private countLines(outcome: LineOutcome, lines: number): void {
    if (lines > 0) this.parts.metrics.count('beacon_batch_lines_total', { outcome }, lines);
  }

  private async write(batch: BatchRow, from: 'finalizing' | 'cancelling'): Promise<Step> {
    const ended = await writeResults(this.parts, batch, from, this.stopped);
    if (ended === undefined) return 'on';
    this.parts.journal.record(ended, from);
    await dropLines(this.parts.database, batch.id);
    return 'done';
  }

  /** Nobody is left to ask in whose name: what was answered is kept. */
  private endForKey(batch: BatchRow, code: KeyFault): Promise<Step> {
    return this.move(batch, 'cancelRequested', {
      errors: [{ code, message: KEY_FAULTS[code], param: null, line: null }],
    });
  }

  private async move(batch: BatchRow, event: BatchEvent, change: BatchChange = {}): Promise<Step> {
    const to = nextBatchStatus(batch.status, event) as Exclude<BatchStatus, 'validating'>;
    const moved = await moveBatch(this.parts.database, batch.id, batch.status, to, change, batch.fence);
    // Where it has moved on without us, the next step sees how.
    if (moved !== undefined) this.parts.journal.record(moved, batch.status);
    return 'on';
  }

  /** Something happened: a little later there is more of it, and fewer and larger statements do it. */
  private later(): Step {
    this.idleMs = IDLE_MS;
    return { waitMs: STEP_MS };
  }

  private idle(): Step {
    const waitMs = this.idleMs;
    this.idleMs = Math.min(IDLE_MAX_MS, this.idleMs * 2);
    return { waitMs };
  }

  private async pause(ms: number): Promise<void> {
    if (!this.woken && !this.stopped()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = () => undefined;
    }
    this.woken = false;
  }
}
