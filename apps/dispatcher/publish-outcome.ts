import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome, Ticket } from '#contracts';
import type { AttemptBook } from './attempt-book.js';
import type { EndedCall } from './endpoint-caller.js';
import type { RunningCall } from './running-calls.js';
import type { WorkerServices } from './worker-services.js';

const PUBLISH_RETRY_MAX_MS = 2000;

/**
 * The outcome was paid for: it waits here for as long as NATS is away. Its ticket may be issued again meanwhile,
 * which fences off the old one: it goes out under the latest epoch.
 */
export async function publishUntilStored(
  call: RunningCall,
  ended: EndedCall,
  book: AttemptBook,
  traceparent: string | undefined,
  services: WorkerServices,
): Promise<void> {
  const { outcomes, connection, topology, logger } = services;
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, PUBLISH_RETRY_MAX_MS)) {
    const { ticket } = call;
    const outcome = outcomeOf(ticket, ended, book, traceparent);
    try {
      await outcomes.publish(outcome);
      if (call.ticket.epoch === ticket.epoch) return;
    } catch (error) {
      // Closed by this process's own end: the ticket was handed back, and its next holder finds the call.
      if (connection.isClosed()) throw error;
      logger.warn(
        { event: 'outcome.not_stored', job_id: outcome.job_id, epoch: outcome.epoch, err: error },
        'an outcome could not be stored yet',
      );
      await wait(delayMs);
      await topology.ensureStreams([ticket.region]).catch(() => undefined);
    }
  }
}

function outcomeOf(
  ticket: Ticket,
  { endedAtMs, ...ended }: EndedCall,
  book: AttemptBook,
  traceparent: string | undefined,
): Outcome {
  return {
    v: 1,
    job_id: ticket.job_id,
    attempt: ticket.attempt,
    epoch: ticket.epoch,
    endpoint_id: ticket.endpoint_id,
    region: ticket.region,
    calls: book.reported(performance.now() - endedAtMs),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...ended,
  };
}
