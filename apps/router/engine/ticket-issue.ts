import { modelRequestSchema, type Ticket } from '#contracts';
import type { TicketPublisher } from '#messaging';
import { spanIdsOf, type Logger, type Tracing } from '#observability';
import type { AdmittedJob } from '#persistence';

/** Sends the tickets of admitted jobs, each as a part of its job's trace. */
export class TicketIssue {
  constructor(
    private readonly tickets: TicketPublisher,
    private readonly tracing: Tracing,
    private readonly logger: Logger,
  ) {}

  /** Tickets go out pipelined; one that does not arrive is found by the reconciler, from its slot. */
  issue(admitted: readonly AdmittedJob[]): void {
    for (const job of admitted) {
      this.tickets.publish(ticketOf(job, this.traceWait(job))).catch((error: unknown) => {
        this.logger.warn(
          { event: 'ticket.not_published', job_id: job.id, epoch: job.epoch, err: error },
          'a ticket could not be published; it will be issued again',
        );
      });
    }
  }

  /** What the wait was for shows in its length. @returns what the attempt is a part of */
  private traceWait(job: AdmittedJob): string | undefined {
    const { tracing } = this;
    if (!tracing.isOn || job.traceparent === null) return undefined;
    const span = tracing.span({
      name: 'wait in queue',
      kind: 'producer',
      parent: job.traceparent,
      startMs: job.waiting_since_ms ?? undefined,
      attributes: {
        ...spanIdsOf({ ...job, job_id: job.id }),
        'beacon.staged': job.staged,
        // Issued again: what was lost was the ticket, and the job has not waited anew.
        'beacon.reissued': job.waiting_since_ms === null ? true : undefined,
      },
    });
    span.end();
    return span.traceparent;
  }
}

function ticketOf(job: AdmittedJob, traceparent?: string): Ticket {
  return {
    v: 1,
    job_id: job.id,
    attempt: job.attempt,
    epoch: job.epoch,
    endpoint_id: job.endpoint_id,
    region: job.region,
    model: job.model,
    staged: job.staged,
    timeout_ms: job.timeout_ms,
    request: modelRequestSchema.parse(job.request),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}
