import { setTimeout as wait } from 'node:timers/promises';
import { subjects, ticketCheckReplySchema, type Ticket } from '#contracts';
import { requestJson, type NatsConnection, type Topology } from '#messaging';

const RETRY_DELAY_MS = 250;
const REPLY_TIMEOUT_MS = 2000;

/**
 * Asks whether a redelivered ticket is still to be worked on. Its earlier holder may have published an outcome
 * and died before the ack; calling again would pay twice. The stream of outcomes is asked first and the router
 * second: an outcome moves from the one to the other, so looking in this order cannot miss it.
 * @returns `undefined` where `giveUp` says so before anybody answered
 */
export async function isStillWanted(
  connection: NatsConnection,
  topology: Topology,
  ticket: Ticket,
  giveUp: () => boolean,
): Promise<boolean | undefined> {
  const outcome = subjects.outcomeSubject(ticket.region, ticket.job_id, ticket.epoch);
  while (!giveUp()) {
    try {
      if (await topology.holds(subjects.OUTCOMES_STREAM, outcome)) return false;
      const reply = await requestJson(
        connection,
        subjects.TICKET_CHECK,
        { job_id: ticket.job_id, epoch: ticket.epoch },
        ticketCheckReplySchema,
        REPLY_TIMEOUT_MS,
      );
      if (reply !== undefined) return reply.wanted;
    } catch {
      // NATS is away, or the stream is: both come back. Until then nothing is known, so nothing is called.
    }
    await wait(RETRY_DELAY_MS);
  }
  return undefined;
}
