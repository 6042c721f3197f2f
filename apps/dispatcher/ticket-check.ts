import { subjects, ticketCheckReplySchema, type Ticket, type TicketCheckReply } from '#contracts';
import { requestJson, type NatsConnection, type Topology } from '#messaging';

const REPLY_TIMEOUT_MS = 2000;

/**
 * Asks the router about a ticket: is it still to be worked on, and may its call begin? For a redelivered ticket
 * the stream of outcomes is asked first: its earlier holder may have published an outcome and died before the
 * ack, and calling again would pay twice. The same goes for the outcome of an earlier ticket of the attempt, which the
 * router takes where no call has begun since: until it is recorded nobody can tell. An outcome moves from the stream to
 * the router's rows, so looking in this order cannot miss it.
 * @param dispatcherId this dispatcher; who is told to begin has the ticket from then on
 * @param arrival whether the ticket came back, and whether to somebody beside its holder
 * @returns `reported`: its outcome is on its way. `undefined` where nobody can tell now: nothing is known, so nothing may
 * be called
 */
export async function checkTicket(
  connection: NatsConnection,
  topology: Pick<Topology, 'holds'>,
  ticket: Ticket,
  dispatcherId: string,
  arrival: { readonly isAgain: boolean; readonly mayBeHeld: boolean },
): Promise<TicketCheckReply | 'reported' | undefined> {
  if (arrival.isAgain) {
    const { region, job_id: jobId, epoch } = ticket;
    const holds = (subject: string): Promise<boolean> => topology.holds(subjects.OUTCOMES_STREAM, subject);
    try {
      if (await holds(subjects.outcomesOfJob(region, jobId)))
        return (await holds(subjects.outcomeSubject(region, jobId, epoch))) ? 'reported' : undefined;
    } catch {
      return undefined;
    }
  }
  return requestJson(
    connection,
    subjects.TICKET_CHECK,
    {
      job_id: ticket.job_id,
      attempt: ticket.attempt,
      epoch: ticket.epoch,
      dispatcher_id: dispatcherId,
      ...(arrival.isAgain ? { redelivered_to: dispatcherId, may_be_held: arrival.mayBeHeld } : {}),
    },
    ticketCheckReplySchema,
    REPLY_TIMEOUT_MS,
  );
}
