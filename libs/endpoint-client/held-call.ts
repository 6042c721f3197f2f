import type { OutcomeResult, Ticket } from '#contracts';
import type { Endpoint } from './endpoint.js';
import type { HopReply, Hops } from './hops.js';
import { callHeaders, outcomeOf, requestBody } from './protocols.js';

/**
 * Makes a call whose request is held open until it is answered, or finds one again by its result URL. Closing the
 * connection is what cancels it.
 * @param resultUrl stored by an earlier holder of the ticket
 * @param onMadeAgain awaited before a second call
 */
export async function holdCall(
  hops: Hops,
  endpoint: Endpoint,
  ticket: Ticket,
  resultUrl: string | undefined,
  onMadeAgain: () => Promise<void>,
): Promise<OutcomeResult> {
  const make = (): Promise<HopReply> =>
    hops.post(endpoint.url, requestBody(endpoint, ticket), callHeaders(ticket));
  let reply: HopReply;
  if (resultUrl === undefined) {
    reply = await make();
  } else {
    reply = await hops.get(resultUrl);
    // The platform no longer knows the call (its result was delivered or dropped): make it again.
    if (reply.status === 408 || reply.status === 410) {
      await onMadeAgain();
      reply = await make();
    }
  }
  return outcomeOf(endpoint, ticket, reply);
}
