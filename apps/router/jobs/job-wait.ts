import { isTerminal } from '#domain';
import { setAwaited, type Database, type JobEntity } from '#persistence';
import type { JobJournal } from '../engine/job-journal.js';
import type { JobStatus } from './job-status.js';

/** Events are hints: the row is read at least this often. */
const POLL_MS = 1000;

/** Waits for a job's end. */
export class JobWait {
  private readonly stopping = new AbortController();
  /** How many wait here for each job. */
  private readonly waiting = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly journal: JobJournal,
    private readonly jobStatus: JobStatus,
  ) {}

  /**
   * A job that goes on when the last one here has gone is no longer awaited, so direct mode does not prefer it; one that
   * somebody comes back for is awaited again.
   * @param replayed the job was there before, and may be awaited by nobody
   * @returns the job as it is when it has ended, when the caller gave up, or when the process stops
   */
  async untilEnded(jobId: string, givenUp: AbortSignal, replayed = false): Promise<JobEntity> {
    this.waiting.set(jobId, (this.waiting.get(jobId) ?? 0) + 1);
    let ended = false;
    try {
      if (replayed) await this.note(jobId, true);
      const job = await this.untilEndOr(jobId, givenUp);
      ended = isTerminal(job.state);
      return job;
    } finally {
      const left = (this.waiting.get(jobId) ?? 1) - 1;
      if (left > 0) this.waiting.set(jobId, left);
      else this.waiting.delete(jobId);
      if (left === 0 && !ended) await this.note(jobId, false);
    }
  }

  /** What is in question is an order alone: no answer fails for it. */
  private async note(jobId: string, awaited: boolean): Promise<void> {
    await setAwaited(this.database, jobId, awaited).catch(() => undefined);
  }

  private async untilEndOr(jobId: string, givenUp: AbortSignal): Promise<JobEntity> {
    const stop = AbortSignal.any([givenUp, this.stopping.signal]);
    for (;;) {
      // Registered before the row is read: an end in between is not missed.
      const woken = this.journal.waitForEnd(jobId, POLL_MS, stop);
      try {
        const job = await this.jobStatus.find(jobId);
        if (isTerminal(job.state) || stop.aborted) return job;
      } catch (error) {
        // The job was accepted; the database being away for a while is no reason to give up on it.
        if (stop.aborted) throw error;
      }
      await woken;
    }
  }

  /** Lets every waiting request go. */
  stop(): void {
    this.stopping.abort();
  }
}
