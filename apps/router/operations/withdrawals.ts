import { subjects, withdrawReplySchema } from '#contracts';
import { requestJson, type NatsConnection } from '#messaging';
import type { TicketDesk } from '../engine/ticket-desk.js';
import type { Logger, Metrics } from '#observability';
import { findTicketsNotBegun, returnTicket, type Database } from '#persistence';

const BATCH = 200;
/** A dispatcher that holds the ticket answers at once; one that does not stays silent. */
const REPLY_WITHIN_MS = 500;

/**
 * Takes tickets back that nobody has begun to work on. Only the dispatcher that holds a ticket knows: it gives the ticket
 * up first, and only then does the job wait again. In the other order a call could begin that no slot stands for.
 */
export class Withdrawals {
  constructor(
    private readonly database: Database,
    private readonly connection: NatsConnection,
    private readonly desk: Pick<TicketDesk, 'mayBeHeld'>,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** @returns how many jobs wait again; those of which nobody knows are asked about again later */
  async takeBack(endpointIds: readonly string[]): Promise<number> {
    if (endpointIds.length === 0) return 0;
    const tickets = await findTicketsNotBegun(this.database, endpointIds, BATCH);
    const taken = await Promise.all(tickets.map((ticket) => this.takeOne(ticket)));
    return taken.filter((isTaken) => isTaken).length;
  }

  private async takeOne(ticket: Awaited<ReturnType<typeof findTicketsNotBegun>>[number]): Promise<boolean> {
    const { job_id, epoch, region, endpoint_id } = ticket;
    const reply = await requestJson(
      this.connection,
      subjects.withdrawSubject(region),
      { job_id, epoch },
      withdrawReplySchema,
      REPLY_WITHIN_MS,
    );
    if (reply?.given_back !== true) return false;
    const { dispatcher_id: givenBackBy = null, may_be_held: mayBeHeld = false } = reply;
    // Given out twice: whoever has it besides may be at work on it.
    if (mayBeHeld && givenBackBy !== null && (await this.desk.mayBeHeld(job_id, epoch, givenBackBy)))
      return false;
    if (!(await returnTicket(this.database, job_id, epoch, { givenBackBy }))) return false;
    this.metrics.count('beacon_tickets_taken_back_total', { endpoint: endpoint_id });
    this.logger.info(
      { event: 'ticket.taken_back', job_id, epoch, region, endpoint_id },
      'a ticket was taken back from a paused endpoint: its job waits again',
    );
    return true;
  }
}
