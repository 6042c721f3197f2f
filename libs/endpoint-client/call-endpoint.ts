import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { isAxiosError, type AxiosInstance, type AxiosResponse } from 'axios';
import type { OutcomeResult, Ticket } from '#contracts';
import { classifyStatus } from './classify.js';
import type { Endpoint, EndpointCredentials } from './endpoint.js';
import { ResponseTooLargeError } from './http.js';
import { failed, readAnswer, requestBody } from './protocols.js';

/** The platform answers 303 after 150 s; a hop that is silent for longer has lost its peer. */
const HOP_TIMEOUT_MS = 170_000;
/**
 * The platform keeps a running call this long after its caller has gone. Whoever gives up earlier and calls again has
 * two calls running at the endpoint, and pays for both.
 */
const FIND_AGAIN_FOR_MS = 120_000;
const FIND_AGAIN_DELAY_MS = 50;
const FIND_AGAIN_DELAY_MAX_MS = 500;

export interface CallOptions {
  readonly credentials: EndpointCredentials | undefined;
  /** Aborted to cancel the call upstream, and for nothing else. */
  readonly cancelled: AbortSignal;
  /** A result URL stored by an earlier holder of the ticket: the call is found again, not made again. */
  readonly resultUrl: string | undefined;
  /** Stores a result URL. Awaited before the URL is followed, so that a crash in between loses nothing. */
  readonly onResultUrl: (resultUrl: string) => Promise<void>;
}

/**
 * Makes one call, or finds a running one again, and follows its 303s to the answer. Never throws: whatever
 * happens is an outcome. On a timeout or cancellation the connection is closed, which cancels the call upstream.
 */
export async function callEndpoint(
  client: AxiosInstance,
  endpoint: Endpoint,
  ticket: Ticket,
  options: CallOptions,
): Promise<OutcomeResult> {
  const abort = new AbortController();
  const onCancelled = (): void => abort.abort();
  options.cancelled.addEventListener('abort', onCancelled, { once: true });
  if (options.cancelled.aborted) abort.abort();
  // Timers are cleared with the call: AbortSignal.timeout would keep each one alive to its end.
  let timedOut = false;
  const executionTimer = setTimeout(() => {
    timedOut = true;
    abort.abort();
  }, ticket.timeout_ms);
  let hopTimer: NodeJS.Timeout | undefined;

  const credentials = {
    ...(options.credentials && {
      'Modal-Key': options.credentials.modalKey,
      'Modal-Secret': options.credentials.modalSecret,
    }),
  };
  const hop = async (method: 'GET' | 'POST', url: string): Promise<AxiosResponse<string>> => {
    clearTimeout(hopTimer);
    // Others answer when they are done, within the execution timeout.
    if (endpoint.protocol === 'modal-hf') hopTimer = setTimeout(() => abort.abort(), HOP_TIMEOUT_MS);
    return client.request<string>({
      method,
      url,
      signal: abort.signal,
      headers:
        method === 'POST'
          ? { ...credentials, 'content-type': 'application/json', 'idempotency-key': idempotencyKey(ticket) }
          : credentials,
      ...(method === 'POST' ? { data: requestBody(endpoint, ticket) } : {}),
    });
  };

  /** Reading a result makes no call, so a broken connection is simply made again. */
  const follow = async (url: string): Promise<AxiosResponse<string>> => {
    let giveUpAtMs: number | undefined;
    for (let delayMs = FIND_AGAIN_DELAY_MS; ; delayMs = Math.min(delayMs * 2, FIND_AGAIN_DELAY_MAX_MS)) {
      try {
        return await hop('GET', url);
      } catch (error) {
        giveUpAtMs ??= performance.now() + FIND_AGAIN_FOR_MS;
        const isFinal = abort.signal.aborted || error instanceof ResponseTooLargeError;
        if (isFinal || performance.now() + delayMs > giveUpAtMs) throw error;
      }
      await wait(delayMs, undefined, { signal: abort.signal });
    }
  };

  try {
    let url = endpoint.url;
    let response: AxiosResponse<string>;
    if (options.resultUrl !== undefined && sameOrigin(options.resultUrl, endpoint.url)) {
      url = options.resultUrl;
      response = await follow(url);
      // The platform no longer knows the call (its result was delivered or dropped): make it again.
      if (response.status === 408 || response.status === 410) {
        url = endpoint.url;
        response = await hop('POST', url);
      }
    } else {
      response = await hop('POST', url);
    }
    while (response.status === 303) {
      const location = headerOf(response, 'location');
      if (location === undefined)
        return failed('RESPONSE_INVALID', 'the endpoint answered 303 without a Location');
      if (!URL.canParse(location, url))
        return failed('RESPONSE_INVALID', 'the endpoint answered 303 with a Location that is no URL');
      const next = new URL(location, url);
      if (next.origin !== new URL(endpoint.url).origin) {
        return failed('RESPONSE_INVALID', 'the endpoint answered 303 with a Location on another origin');
      }
      url = next.href;
      await options.onResultUrl(url);
      response = await follow(url);
    }
    const callId = headerOf(response, 'modal-function-call-id');
    if (response.status === 200) return readAnswer(endpoint, ticket, response.data, callId);
    return {
      ...classifyStatus(
        response.status,
        response.data.slice(0, 4096),
        headerOf(response, 'retry-after'),
        Date.now(),
      ),
      ...(callId === undefined ? {} : { upstream_call_id: callId }),
    };
  } catch (error) {
    if (options.cancelled.aborted) return { kind: 'cancelled' };
    if (timedOut) return failed('EXECUTION_TIMEOUT', `no answer within ${ticket.timeout_ms} ms of execution`);
    return classifyError(error);
  } finally {
    clearTimeout(executionTimer);
    clearTimeout(hopTimer);
    options.cancelled.removeEventListener('abort', onCancelled);
  }
}

/** @returns whether the endpoint says it is able to serve; wakes no GPU */
export async function probeHealth(
  client: AxiosInstance,
  endpoint: Endpoint,
  credentials: EndpointCredentials | undefined,
): Promise<{ healthy: boolean; detail: string }> {
  if (endpoint.healthUrl === undefined)
    return { healthy: true, detail: 'no health_url: the next call is the probe' };
  try {
    const response = await client.request<string>({
      method: 'GET',
      url: endpoint.healthUrl,
      headers: {
        ...(credentials && { 'Modal-Key': credentials.modalKey, 'Modal-Secret': credentials.modalSecret }),
      },
      signal: AbortSignal.timeout(5000),
    });
    if (response.status !== 200) return { healthy: false, detail: `health answered ${response.status}` };
    // Only this protocol says more than its status.
    if (endpoint.protocol === 'openai') return { healthy: true, detail: 'healthy' };
    const { status } = JSON.parse(response.data) as { status?: unknown };
    return status === 'healthy'
      ? { healthy: true, detail: 'healthy' }
      : { healthy: false, detail: 'health says otherwise' };
  } catch (error) {
    return { healthy: false, detail: `health cannot be read (${codeOf(error)})` };
  }
}

function classifyError(error: unknown): OutcomeResult {
  if (error instanceof ResponseTooLargeError) return failed('RESPONSE_TOO_LARGE', error.message);
  const code = codeOf(error);
  const unreachable = [
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'UND_ERR_CONNECT_TIMEOUT',
  ];
  return unreachable.includes(code)
    ? failed('ENDPOINT_UNREACHABLE', `the endpoint cannot be reached (${code})`)
    : failed('CONNECTION_LOST', `the connection broke before the answer (${code})`);
}

function codeOf(error: unknown): string {
  if (isAxiosError(error)) return error.code ?? 'unknown';
  return error instanceof Error ? error.name : 'unknown';
}

function headerOf(response: AxiosResponse, name: string): string | undefined {
  const value: unknown = (response.headers as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : undefined;
}

function sameOrigin(left: string, right: string): boolean {
  return URL.canParse(left) && new URL(left).origin === new URL(right).origin;
}

/** The key under which the platform sees a job's attempt. */
const idempotencyKey = (ticket: Ticket): string => `${ticket.job_id}:${ticket.attempt}`;
