import type { Tracing } from '#observability';
import type { JobRouter, QueuedJob, RunOrigin, SubmitAnswer } from './router-client.js';

/**
 * Begins a trace with each cell that is submitted. A run is no span above them: it may have 100,000 cells and last for days,
 * which nothing that shows traces can show. Its id finds them.
 */
export class TracedRouter implements JobRouter {
  constructor(
    private readonly router: JobRouter,
    private readonly tracing: Tracing,
  ) {}

  async submit(idempotencyKey: string, job: QueuedJob, run: RunOrigin): Promise<SubmitAnswer> {
    const cellNo = job.metadata?.['cell_no'];
    const span = this.tracing.span({
      name: 'submit cell',
      kind: 'client',
      attributes: {
        'beacon.run.id': run.runId,
        'beacon.cell.no': typeof cellNo === 'number' ? cellNo : undefined,
      },
    });
    const { traceparent } = span;
    try {
      const answer = await this.router.submit(
        idempotencyKey,
        job,
        traceparent === undefined ? run : { ...run, traceparent },
      );
      if (answer.kind === 'queued') span.set({ 'beacon.job.id': answer.jobId });
      span.end(answer.kind === 'refused' ? answer.code : undefined);
      return answer;
    } catch (error) {
      span.end('ROUTER_UNAVAILABLE');
      throw error;
    }
  }

  status(...parameters: Parameters<JobRouter['status']>): ReturnType<JobRouter['status']> {
    return this.router.status(...parameters);
  }

  cancel(...parameters: Parameters<JobRouter['cancel']>): ReturnType<JobRouter['cancel']> {
    return this.router.cancel(...parameters);
  }
}
