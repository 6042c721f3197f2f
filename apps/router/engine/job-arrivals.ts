import type { Priority } from '#domain';
import type { Metrics } from '#observability';
import type { QueueView } from '../queue/queue-view.js';
import type { Engine } from './engine.js';
import type { JobJournal } from './job-journal.js';

/** A job that has just been committed as queued. */
export interface ArrivedJob {
  readonly id: string;
  readonly tenant: string;
  readonly model: string;
  readonly homeRegion: string;
  readonly lane: string;
  readonly priority: Priority;
}

/** Tells everybody in this process that jobs are queued, whoever made them. */
export class JobArrivals {
  constructor(
    private readonly engine: Pick<Engine, 'jobsArrived'>,
    private readonly queueView: Pick<QueueView, 'arrived'>,
    private readonly journal: Pick<JobJournal, 'record'>,
    private readonly metrics: Metrics,
  ) {}

  announce(jobs: readonly ArrivedJob[]): void {
    if (jobs.length === 0) return;
    this.engine.jobsArrived();
    for (const { id: jobId, tenant, model, homeRegion, lane, priority } of jobs) {
      this.queueView.arrived(lane, model, tenant);
      this.metrics.count('beacon_jobs_accepted_total', { region: homeRegion, priority });
      this.journal.record({ jobId, from: null, to: 'queued', attempt: 0, homeRegion });
    }
  }
}
