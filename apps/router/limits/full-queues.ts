import type { ProblemError } from '#contracts';
import type { QueueView } from '../queue/queue-view.js';
import type { LimitLog } from './limit-log.js';
import { queueFull, type FullQueue } from './queue-limits.js';

/** The job there was no room for. */
export interface UnqueuedJob {
  readonly keyId: string | null;
  readonly tenant: string;
  readonly model: string;
  readonly homeRegion: string;
  readonly lane: string;
}

/** Says that a queue is full, and when there will be room. */
export class FullQueues {
  constructor(
    private readonly queueView: Pick<QueueView, 'read' | 'estimateMs'>,
    private readonly limitLog: LimitLog,
  ) {}

  async refusal(job: UnqueuedJob, queue: FullQueue): Promise<ProblemError> {
    this.limitLog.refused(queue.kind, {
      ...{ key_id: job.keyId, tenant: job.tenant, region: job.homeRegion },
      ...{ allowed: queue.allowed, waiting: queue.waiting },
    });
    const drainMs = await this.queueView
      .read()
      .then((snapshot) =>
        this.queueView.estimateMs(snapshot, job.lane, job.model, queue.waiting - queue.allowed + 1),
      )
      .catch(() => undefined);
    return queueFull(queue, drainMs);
  }
}
