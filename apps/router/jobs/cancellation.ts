import { ProblemError, subjects } from '#contracts';
import { isTerminal } from '#domain';
import { publishJson, type NatsConnection, type Topology } from '#messaging';
import type { Logger } from '#observability';
import { addToTotals, cancelJob, type Database } from '#persistence';
import type { JobJournal } from '../engine/job-journal.js';

/** Cancels jobs, down to the call upstream. */
export class Cancellation {
  constructor(
    private readonly database: Database,
    private readonly connection: NatsConnection,
    private readonly topology: Topology,
    private readonly journal: JobJournal,
    private readonly logger: Logger,
  ) {}

  /**
   * @returns `cancelled`: it was waiting and never runs; `cancelling`: its call is being ended
   * @throws ProblemError JOB_NOT_FOUND, JOB_FINISHED
   */
  async cancel(jobId: string): Promise<'cancelling' | 'cancelled'> {
    const job = await this.database.transaction(async (client) => {
      const cancelled = await cancelJob(client, jobId);
      if (cancelled?.to === 'cancelled' && cancelled.from !== 'cancelled') {
        await addToTotals(client, cancelled.home_region, { cancelled: 1 });
      }
      return cancelled;
    });
    if (job === undefined)
      throw new ProblemError('JOB_NOT_FOUND', `job_id: there is no job "${jobId.slice(0, 64)}"`);
    if (isTerminal(job.from)) throw new ProblemError('JOB_FINISHED', `job_id: the job is ${job.from}`);
    if (job.to !== job.from) {
      this.journal.record({
        jobId,
        from: job.from,
        to: job.to,
        attempt: job.attempt,
        homeRegion: job.home_region,
      });
    }
    if (job.to === 'cancelled') return 'cancelled';
    if (job.region !== null && job.endpoint_id !== null) {
      publishJson(this.connection, subjects.cancelSubject(job.region), { job_id: jobId, epoch: job.epoch });
      if (job.from !== 'dispatched') return 'cancelling';
      // A staged ticket has no call yet: out of the stream, none will be made. The reconciler repeats both.
      this.topology
        .purge(
          subjects.dispatchStream(job.region),
          subjects.dispatchSubject(job.region, job.endpoint_id, jobId),
        )
        .catch((error: unknown) => {
          this.logger.warn(
            { event: 'ticket.not_purged', job_id: jobId, err: error },
            'a ticket could not be taken back yet',
          );
        });
    }
    return 'cancelling';
  }
}
