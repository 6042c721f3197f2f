import type { OutcomeResult, Ticket } from '#contracts';
import { classifyStatus } from './classify.js';
import type { Endpoint } from './endpoint.js';
import type { HopReply, Hops } from './hops.js';
import { readAnswer, requestBody } from './protocols.js';

/**
 * Makes a call whose request is held open until it is answered, or finds one again by its result URL. Closing the
 * connection is what cancels it.
 * @param resultUrl stored by an earlier holder of the ticket
 */
export async function holdCall(
  hops: Hops,
  endpoint: Endpoint,
  ticket: Ticket,
  resultUrl: string | undefined,
): Promise<OutcomeResult> {
  const make = (): Promise<HopReply> =>
    hops.post(endpoint.url, requestBody(endpoint, ticket), callHeaders(ticket));
  let reply: HopReply;
  if (resultUrl === undefined) {
    reply = await make();
  } else {
    reply = await hops.get(resultUrl);
    // The platform no longer knows the call (its result was delivered or dropped): make it again.
    if (reply.status === 408 || reply.status === 410) reply = await make();
  }
  return outcomeOf(endpoint, ticket, reply);
}

/** What the final reply of a call means, however it was come by. */
export function outcomeOf(endpoint: Endpoint, ticket: Ticket, reply: HopReply): OutcomeResult {
  const { status, body, callId, retryAfter, wasRead } = reply;
  if (status === 200) return readAnswer(endpoint, ticket, body, callId);
  const failure = classifyStatus(status, body.slice(0, 4096), retryAfter, Date.now());
  return {
    ...failure,
    // A result that is gone was lost after the call was made; a request that never arrived was not.
    ...(wasRead && (status === 408 || status === 410) ? { code: 'INPUT_LOST' as const } : {}),
    ...(callId === undefined ? {} : { upstream_call_id: callId }),
  };
}

/** The key under which the platform sees a job's attempt. */
export function callHeaders(ticket: Ticket): Record<string, string> {
  return {
    'content-type': 'application/json',
    'idempotency-key': `${ticket.job_id}:${ticket.attempt}`,
  };
}
