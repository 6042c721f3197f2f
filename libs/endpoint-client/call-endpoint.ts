import type { AxiosInstance } from 'axios';
import type { OutcomeResult, Ticket } from '#contracts';
import type { Endpoint, EndpointCredentials } from './endpoint.js';
import { holdCall } from './held-call.js';
import { HopError, HopTimeoutError, Hops, codeOf, isUnreachable, type HopsOptions } from './hops.js';
import { ResponseTooLargeError } from './http.js';
import { JobCall, isJobUrl } from './job-call.js';
import { Nudge } from './nudge.js';
import { failed } from './protocols.js';
import type { RequestLimiter } from './request-limiter.js';

/** How long after its end a call may still tell the platform to stop working on it. */
const PARTING_MS = 10_000;

/** Why `cancelled` is aborted by a holder who hands the call on: its successor wants it to go on. */
export const HANDED_ON = 'handed on';

export interface CallOptions {
  readonly credentials: EndpointCredentials | undefined;
  /** Aborted to cancel the call upstream, or with the reason `HANDED_ON`; for nothing else. */
  readonly cancelled: AbortSignal;
  /** A result URL stored by an earlier holder of the ticket: the call is found again, not made again. */
  readonly resultUrl: string | undefined;
  /** Stores a result URL. Awaited before the URL is followed, so that a crash in between loses nothing. */
  readonly onResultUrl: (resultUrl: string) => Promise<void>;
  /** Hears of the platform's id of the call as soon as it is known. */
  readonly onCallId?: (callId: string) => void;
  /** Given when the deployment reports that the call has ended. */
  readonly nudge?: Nudge;
  /** Shared by all calls to one workspace. */
  readonly limiter?: RequestLimiter | undefined;
}

/**
 * Makes one call, or finds a running one again, and waits for its answer: held open and followed through 303s, or
 * as a job where the endpoint takes jobs. Never throws: whatever happens is an outcome. On a timeout or cancellation
 * the call is ended upstream.
 */
export async function callEndpoint(
  client: AxiosInstance,
  endpoint: Endpoint,
  ticket: Ticket,
  options: CallOptions,
): Promise<OutcomeResult> {
  const { cancelled, onResultUrl, nudge = new Nudge() } = options;
  const abort = new AbortController();
  const parting = new AbortController();
  let partingTimer: NodeJS.Timeout | undefined;
  const end = (): void => {
    abort.abort();
    partingTimer ??= setTimeout(() => parting.abort(), PARTING_MS);
    if (cancelled.reason === HANDED_ON) parting.abort();
  };
  cancelled.addEventListener('abort', end, { once: true });
  if (cancelled.aborted) end();
  // Timers are cleared with the call: AbortSignal.timeout would keep each one alive to its end.
  let timedOut = false;
  const executionTimer = setTimeout(() => {
    timedOut = true;
    end();
  }, ticket.timeout_ms);

  const onCallId = options.onCallId ?? ((): void => undefined);
  const hopsWith = (changes: Pick<HopsOptions, 'signal' | 'onResultUrl' | 'onCallId'>): Hops =>
    new Hops({ client, endpoint, credentials: options.credentials, limiter: options.limiter, ...changes });
  const stored =
    options.resultUrl !== undefined && sameOrigin(options.resultUrl, endpoint.url)
      ? options.resultUrl
      : undefined;

  let job: JobCall | undefined;
  try {
    if (cancelled.aborted) return { kind: 'cancelled' };
    // A call is found again the way it was made, also where the configuration has changed since.
    const asJob = stored === undefined ? endpoint.jobsUrl !== undefined : isJobUrl(endpoint, stored);
    if (!asJob)
      return await holdCall(
        hopsWith({ signal: abort.signal, onResultUrl, onCallId }),
        endpoint,
        ticket,
        stored,
      );
    // A 303 on the way to a job is not the job: its address is what has to be kept.
    const onward = { onResultUrl: () => Promise.resolve(), onCallId: undefined };
    job = new JobCall(
      hopsWith({ signal: abort.signal, ...onward }),
      hopsWith({ signal: parting.signal, ...onward }),
      endpoint,
      ticket,
      { signal: abort.signal, onJobUrl: onResultUrl, onCallId, nudge },
    );
    return await job.run(stored);
  } catch (error) {
    if (job !== undefined && cancelled.reason !== HANDED_ON) await job.end();
    if (cancelled.aborted) return { kind: 'cancelled' };
    if (timedOut) return failed('EXECUTION_TIMEOUT', `no answer within ${ticket.timeout_ms} ms of execution`);
    return classifyError(error);
  } finally {
    clearTimeout(executionTimer);
    clearTimeout(partingTimer);
    cancelled.removeEventListener('abort', end);
  }
}

function classifyError(error: unknown): OutcomeResult {
  if (error instanceof ResponseTooLargeError) return failed('RESPONSE_TOO_LARGE', error.message);
  if (error instanceof HopError) return failed('RESPONSE_INVALID', error.message);
  if (error instanceof HopTimeoutError) return failed('CONNECTION_LOST', error.message);
  const code = codeOf(error);
  return isUnreachable(error)
    ? failed('ENDPOINT_UNREACHABLE', `the endpoint cannot be reached (${code})`)
    : failed('CONNECTION_LOST', `the connection broke before the answer (${code})`);
}

function sameOrigin(left: string, right: string): boolean {
  return URL.canParse(left) && new URL(left).origin === new URL(right).origin;
}
