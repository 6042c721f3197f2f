import { setTimeout as delay } from 'node:timers/promises';
import { CELL_RETRY_POLICY, cellKey, type CellRetryPolicy, type RunOrder } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  findRun,
  lockRun,
  readCellContents,
  readSubmittedCells,
  recordJobIds,
  setParked,
  type CellContent,
  type Database,
  type LockedRun,
  type MadeJob,
  type StoredRunSpec,
  type SubmittedCell,
} from '#persistence';
import { advanceRun, type RunStanding } from './advance-run.js';
import { settleAll } from './bounded-parallel.js';
import { cellJob } from './cell-job.js';
import { outcomeOf, type CellOutcome, type CellTry } from './cell-outcome.js';
import type { JobRouter, RunOrigin } from './router-client.js';
import type { RunCosts } from './run-costs.js';
import { RunJournal } from './run-journal.js';

/** Requests to the router at once, per run. */
const PARALLEL_REQUESTS = 16;
/** Jobs made between two commits. */
const SUBMIT_BATCH = 64;
/**
 * Between two batches of a long change, as long as one took, and at most this: making 100,000 cells, or closing them, is
 * a core's work for seconds, and whoever polls the run waits for the same database.
 */
const REST_MAX_MS = 100;
/** Jobs whose status is asked for by one tick; the longest unasked go first. */
const POLL_BATCH = 32;

export interface DriverParts {
  readonly database: Database;
  readonly router: JobRouter;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Tells readers that the run has new events. */
  readonly announce: (runId: string) => void;
  /** Whether word has come, lately, that this job ended. */
  readonly hasEnded: (jobId: string) => boolean;
  /** The run is finished or parked: this driver is done. */
  readonly onIdle: (runId: string) => void;
  readonly costs: RunCosts;
  readonly retryPolicy?: CellRetryPolicy;
}

/** What of a run its jobs are made from. */
interface SubmittedRun {
  readonly order: RunOrder;
  readonly spec: StoredRunSpec;
  readonly origin: RunOrigin;
}

/**
 * Drives one run, one step at a time. It remembers nothing that rows do not say: what it holds is a copy, made anew
 * with every tick, so it may be dropped at any moment and another may go on.
 */
export class RunDriver {
  private inFlight = new Map<string, SubmittedCell>();
  private unsent = new Set<number>();
  private readonly ended = new Set<string>();
  private refused: CellOutcome[] = [];
  private askedToCancel = new Set<string>();
  private pollFrom = 0;
  private what: SubmittedRun | undefined;
  private refreshWanted = true;
  private stepWanted = false;
  private stepping: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly runId: string,
    private readonly parts: DriverParts,
  ) {}

  /** Something may have changed: take a step, now or right after the one that is being taken. */
  poke(): void {
    this.stepWanted = true;
    if (this.stepping === undefined && !this.stopped) {
      this.stepping = this.run();
    }
  }

  /** The safety net: look at the rows again, and ask for jobs nobody has spoken of. */
  tick(): void {
    this.refreshWanted = true;
    this.poke();
  }

  jobEnded(jobId: string): void {
    if (!this.inFlight.has(jobId)) return;
    this.ended.add(jobId);
    this.poke();
  }

  /** Lets the step that is being taken end; takes no other. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.stepping;
  }

  private async run(): Promise<void> {
    while (this.stepWanted && !this.stopped) {
      this.stepWanted = false;
      try {
        if ((await this.step()) !== 'driving') {
          this.stopped = true;
          this.parts.onIdle(this.runId);
        }
      } catch (error) {
        // Rows are as they were, or as they are meant to be: the next tick goes on from there.
        this.parts.logger.warn({ event: 'run.step_failed', run_id: this.runId, err: error }, 'step failed');
        this.refreshWanted = true;
        break;
      }
    }
    // Here, not in a later turn: a poke in between would find a step being taken and be forgotten.
    this.stepping = undefined;
  }

  private async step(): Promise<RunStanding> {
    if (this.refreshWanted) await this.refresh();
    const { database, logger, metrics, announce } = this.parts;
    const outcomes = [...this.refused, ...(await this.readOutcomes())];
    this.refused = [];
    const beganMs = performance.now();
    const advance = await advanceRun(
      database,
      this.runId,
      outcomes,
      this.parts.retryPolicy ?? CELL_RETRY_POLICY,
      this.parts.costs,
    );
    this.forget(outcomes);
    advance.journal.report(logger, metrics);
    if (!advance.journal.isEmpty) announce(this.runId);
    // What its jobs are made with is as it was when they were decided on.
    if (advance.run !== undefined) this.what = submittedRunOf(this.runId, advance.run);
    if (advance.standing !== 'driving') return advance.standing;
    for (const cellNo of advance.submit) this.unsent.add(cellNo);
    await this.submitUnsent();
    if (advance.ending) await this.cancelInFlight();
    if (advance.more) {
      this.stepWanted = true;
      await delay(Math.min(performance.now() - beganMs, REST_MAX_MS));
    }
    return advance.standing;
  }

  private async refresh(): Promise<void> {
    this.refreshWanted = false;
    const cells = await readSubmittedCells(this.parts.database, this.runId);
    this.inFlight = new Map(cells.flatMap((cell) => (cell.jobId === null ? [] : [[cell.jobId, cell]])));
    this.unsent = new Set(cells.flatMap(({ cellNo, jobId }) => (jobId === null ? [cellNo] : [])));
    this.askedToCancel = new Set();
    const jobIds = [...this.inFlight.keys()];
    if (this.pollFrom >= jobIds.length) this.pollFrom = 0;
    for (const jobId of jobIds.slice(this.pollFrom, this.pollFrom + POLL_BATCH)) this.ended.add(jobId);
    this.pollFrom += POLL_BATCH;
  }

  private async readOutcomes(): Promise<CellOutcome[]> {
    const jobIds = [...this.ended];
    this.ended.clear();
    if (jobIds.length === 0) return [];
    const { region_policy: policy } = (await this.loadRun()).spec;
    const settled = await settleAll(jobIds, PARALLEL_REQUESTS, async (jobId) => {
      const cell = this.inFlight.get(jobId);
      if (cell === undefined) return undefined;
      const { cellNo, cellAttempt, region } = cell;
      const job = await this.parts.router.status(jobId);
      return outcomeOf({ cellNo, cellAttempt }, region, policy === 'pin', job);
    });
    this.warnOfFailures(settled, 'status');
    return settled.flatMap((result) =>
      result.status === 'fulfilled' && result.value !== undefined ? [result.value] : [],
    );
  }

  private async submitUnsent(): Promise<void> {
    const cellNos = [...this.unsent];
    for (let start = 0; start < cellNos.length && !this.stopped; start += SUBMIT_BATCH) {
      const batch = cellNos.slice(start, start + SUBMIT_BATCH);
      const cells = await readCellContents(this.parts.database, this.runId, batch);
      for (const cellNo of batch) this.unsent.delete(cellNo);
      const { order, spec, origin } = await this.loadRun();
      // In this order endpoints are started in the sequence of the cells: it is the router's first come, first served.
      const limit = order === 'best' ? 1 : PARALLEL_REQUESTS;
      const settled = await settleAll(cells, limit, (cell) => this.submit(spec, origin, cell));
      this.warnOfFailures(settled, 'submission');
      const made = settled.flatMap((result) =>
        result.status === 'fulfilled' && result.value !== undefined ? [result.value] : [],
      );
      await this.recordJobs(made, cells);
    }
  }

  private async submit(
    spec: StoredRunSpec,
    origin: RunOrigin,
    cell: CellContent,
  ): Promise<MadeJob | undefined> {
    const { cellNo, cellAttempt } = cell;
    const key = cellKey(this.runId, cellNo, cellAttempt);
    const answer = await this.parts.router.submit(key, cellJob(this.runId, spec, cell), origin);
    if (answer.kind === 'queued') return { cellNo, cellAttempt, jobId: answer.jobId };
    this.refused.push({
      kind: 'unanswered',
      cell: { cellNo, cellAttempt, jobAttempts: 0, code: answer.code },
    });
    this.stepWanted = true;
    return undefined;
  }

  private async recordJobs(made: readonly MadeJob[], cells: readonly CellContent[]): Promise<void> {
    if (made.length === 0) return;
    const { database, logger, metrics, announce, hasEnded } = this.parts;
    const regionOf = new Map(cells.map(({ cellNo, region }) => [cellNo, region]));
    // From here on their ends are listened for, also of those that ended while the rows are being written.
    for (const { cellNo, cellAttempt, jobId } of made) {
      this.inFlight.set(jobId, { cellNo, cellAttempt, jobId, region: regionOf.get(cellNo) ?? '' });
    }
    const journal = await database.transaction(async (client) => {
      const entries = new RunJournal(this.runId);
      const run = await lockRun(client, this.runId);
      // Another runner may have parked the run while these jobs were being made.
      if (run?.status === 'paused') await setParked(client, this.runId, false);
      for (const cell of await recordJobIds(client, this.runId, made)) {
        entries.add('cell.submitted', {
          cell_no: cell.cellNo,
          question_id: cell.questionId,
          model: cell.model,
          region: cell.region,
          repeat: cell.repeat,
          job_id: cell.jobId,
          cell_attempt: cell.cellAttempt,
        });
      }
      await entries.write(client);
      return entries;
    });
    journal.report(logger, metrics);
    if (!journal.isEmpty) announce(this.runId);
    for (const { jobId } of made) if (hasEnded(jobId)) this.ended.add(jobId);
    if (this.ended.size > 0) this.stepWanted = true;
  }

  private async cancelInFlight(): Promise<void> {
    const jobIds = [...this.inFlight.keys()].filter((jobId) => !this.askedToCancel.has(jobId));
    if (jobIds.length === 0) return;
    const settled = await settleAll(jobIds, PARALLEL_REQUESTS, (jobId) => this.parts.router.cancel(jobId));
    this.warnOfFailures(settled, 'cancellation');
    for (const [index, jobId] of jobIds.entries()) {
      if (settled[index]?.status !== 'fulfilled') continue;
      this.askedToCancel.add(jobId);
      // Most end at once: waiting for word of it would only take longer.
      this.ended.add(jobId);
      this.stepWanted = true;
    }
  }

  private forget(outcomes: readonly CellOutcome[]): void {
    const settled = new Set(
      outcomes.map((outcome) => tryKey(outcome.kind === 'answered' ? outcome.answer : outcome.cell)),
    );
    if (settled.size === 0) return;
    for (const [jobId, cell] of this.inFlight) if (settled.has(tryKey(cell))) this.inFlight.delete(jobId);
  }

  /** What was asked for, as the last step found it. */
  private async loadRun(): Promise<SubmittedRun> {
    if (this.what === undefined) {
      const run = await findRun(this.parts.database, this.runId);
      if (run === null) throw new Error(`there is no run ${this.runId}`);
      this.what = submittedRunOf(this.runId, run);
    }
    return this.what;
  }

  private warnOfFailures(settled: readonly PromiseSettledResult<unknown>[], what: string): void {
    const failures = settled.filter((result) => result.status === 'rejected');
    const first = failures[0];
    if (first === undefined) return;
    this.parts.logger.warn(
      {
        event: 'router.request_failed',
        run_id: this.runId,
        what,
        count: failures.length,
        err: first.reason as unknown,
      },
      'the router did not answer',
    );
  }
}

function submittedRunOf(
  runId: string,
  { order, spec, tenant, keyId }: Pick<LockedRun, 'order' | 'spec' | 'tenant' | 'keyId'>,
): SubmittedRun {
  return { order, spec, origin: { runId, tenant, keyId } };
}

function tryKey({ cellNo, cellAttempt }: CellTry): string {
  return `${cellNo}:${cellAttempt}`;
}
