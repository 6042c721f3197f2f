import { isTerminal } from '#domain';
import type { JobEntity } from '#persistence';
import type { JobJournal } from '../engine/job-journal.js';
import type { JobStatus } from './job-status.js';

/** Events are hints: the row is read at least this often. */
const POLL_MS = 1000;

/** Waits for a job's end. */
export class JobWait {
  private readonly stopping = new AbortController();

  constructor(
    private readonly journal: JobJournal,
    private readonly jobStatus: JobStatus,
  ) {}

  /** @returns the job as it is when it has ended, when the caller gave up, or when the process stops */
  async untilEnded(jobId: string, givenUp: AbortSignal): Promise<JobEntity> {
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
