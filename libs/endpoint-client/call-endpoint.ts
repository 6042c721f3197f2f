import type { AxiosInstance } from 'axios';
import type { OutcomeResult, Ticket } from '#contracts';
import { CallLifetime } from './call-lifetime.js';
import type { Endpoint, EndpointCredentials } from './endpoint.js';
import { holdCall } from './held-call.js';
import { HopError, HopTimeoutError, Hops, LostError, codeOf, isUnreachable } from './hops.js';
import { ResponseTooLargeError } from './http.js';
import { Nudge } from './nudge.js';
import { failed } from './protocols.js';
import type { RequestLimiter } from './request-limiter.js';
import { SpawnedCall } from './spawned-call.js';

/** Before the address of a spawned call; one that is held open is found again by its bare result URL. */
const SPAWNED = 'spawned ';

export interface CallOptions {
  readonly credentials: EndpointCredentials | undefined;
  /** Aborted to cancel the call upstream, or with the reason `HANDED_ON`; for nothing else. */
  readonly cancelled: AbortSignal;
  /** Stored by an earlier holder of the ticket: the call is found again, not made again. */
  readonly callAddress: string | undefined;
  /**
   * Stores where the running call can be found again. Awaited before anything is asked there, so that a crash in
   * between loses nothing. The address is a credential: it is never logged.
   */
  readonly onCallAddress: (address: string) => Promise<void>;
  /** Awaited before a call is made anew because the platform no longer knows the one that was looked for. */
  readonly onMadeAgain?: () => Promise<void>;
  /** Hears of the platform's id of the call as soon as it is known. */
  readonly onCallId?: (callId: string) => void;
  /** The call is over here and may still run upstream: the endpoint could not be told. */
  readonly onNotEnded?: () => void;
  /** Hears of each 303 that is followed. */
  readonly onHop?: () => void;
  /** W3C traceparent of the call; sent where the endpoint is to be told. */
  readonly traceparent?: string | undefined;
  /** Given when the deployment reports that the call has ended. */
  readonly nudge?: Nudge;
  /** Shared by all calls to one workspace. */
  readonly limiter?: RequestLimiter | undefined;
}

/**
 * Makes one call, or finds a running one again, and waits for its answer: held open and followed through 303s, or
 * spawned and polled where the endpoint takes jobs. Never throws: whatever happens is an outcome. On a timeout or
 * cancellation the call is ended upstream.
 */
export async function callEndpoint(
  client: AxiosInstance,
  endpoint: Endpoint,
  ticket: Ticket,
  options: CallOptions,
): Promise<OutcomeResult> {
  const { cancelled, callAddress } = options;
  if (cancelled.aborted) return { kind: 'cancelled' };
  const lifetime = new CallLifetime(cancelled, ticket.timeout_ms);
  let callId: string | undefined;
  const noteCallId = (id: string): void => {
    if (id !== callId) options.onCallId?.(id);
    callId = id;
  };
  const { credentials, limiter, onHop, traceparent } = options;
  const connection = {
    ...{ client, endpoint, credentials, limiter, onHop },
    traceparent: endpoint.sendTraceparent === true ? traceparent : undefined,
  };
  const known = knownAddress(callAddress, endpoint);
  if (callAddress !== undefined && known === undefined) await options.onMadeAgain?.();
  // A call is found again the way it was made, also where the configuration has changed since.
  const isSpawned = known?.isSpawned ?? endpoint.jobsUrl !== undefined;
  let spawned: SpawnedCall | undefined;
  let outcome: OutcomeResult;
  try {
    if (isSpawned) {
      // A 303 on the way to a spawned call is not the call: its own address is what has to be kept.
      const onward = { ...connection, onResultUrl: () => Promise.resolve() };
      spawned = new SpawnedCall(
        new Hops({ ...onward, signal: lifetime.signal }),
        new Hops({ ...onward, signal: lifetime.partingSignal }),
        endpoint,
        ticket,
        {
          signal: lifetime.signal,
          onAddress: (url) => options.onCallAddress(`${SPAWNED}${url}`),
          onMadeAgain: async () => options.onMadeAgain?.(),
          onCallId: noteCallId,
          nudge: options.nudge ?? new Nudge(),
        },
        known?.url,
      );
      outcome = await spawned.run();
    } else {
      const { onCallAddress: onResultUrl } = options;
      const hops = new Hops({ ...connection, signal: lifetime.signal, onResultUrl, onCallId: noteCallId });
      outcome = await holdCall(hops, endpoint, ticket, known?.url, async () => options.onMadeAgain?.());
    }
  } catch (error) {
    outcome = outcomeOfError(error, lifetime, ticket);
  }
  // The verdict stands; what follows only sees to it that nobody works on for nothing.
  lifetime.end();
  if (spawned !== undefined && !lifetime.isHandedOn && !(await spawned.end(lifetime.partingSignal)))
    options.onNotEnded?.();
  lifetime.dispose();
  // The calls that one looks up at the platform are those that did not end there.
  return outcome.kind === 'failed' && callId !== undefined
    ? { upstream_call_id: callId, ...outcome }
    : outcome;
}

function outcomeOfError(error: unknown, lifetime: CallLifetime, ticket: Ticket): OutcomeResult {
  if (lifetime.isCancelled) return { kind: 'cancelled' };
  if (lifetime.timedOut)
    return failed('EXECUTION_TIMEOUT', `no answer within ${ticket.timeout_ms} ms of execution`);
  if (error instanceof ResponseTooLargeError) return failed('RESPONSE_TOO_LARGE', error.message);
  if (error instanceof HopError) return failed('RESPONSE_INVALID', error.message);
  if (error instanceof HopTimeoutError || error instanceof LostError)
    return failed('CONNECTION_LOST', error.message);
  const code = codeOf(error);
  return isUnreachable(error)
    ? failed('ENDPOINT_UNREACHABLE', `the endpoint cannot be reached (${code})`)
    : failed('CONNECTION_LOST', `the connection broke before the answer (${code})`);
}

/** An address that is not on the endpoint's own origin is none: the credentials would go there. */
function knownAddress(
  address: string | undefined,
  endpoint: Endpoint,
): { readonly isSpawned: boolean; readonly url: string } | undefined {
  if (address === undefined) return undefined;
  const isSpawned = address.startsWith(SPAWNED);
  const url = isSpawned ? address.slice(SPAWNED.length) : address;
  const isOwn = URL.canParse(url) && new URL(url).origin === new URL(endpoint.url).origin;
  return isOwn ? { isSpawned, url } : undefined;
}
