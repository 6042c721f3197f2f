import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { isAxiosError, type AxiosInstance } from 'axios';
import { credentialHeaders, type Endpoint, type EndpointCredentials } from './endpoint.js';
import { NEVER_SENT, ResponseTooLargeError } from './http.js';
import type { RequestLimiter } from './request-limiter.js';

/** The platform answers 303 after 150 s; a request that is silent for longer has lost its peer. */
const HOP_TIMEOUT_MS = 170_000;
/**
 * The platform keeps a running call this long after its caller has gone. Whoever gives up earlier and calls again has
 * two calls running at the endpoint, and pays for both.
 */
const FIND_AGAIN_FOR_MS = 120_000;
const FIND_AGAIN_DELAY_MS = 50;
const FIND_AGAIN_DELAY_MAX_MS = 500;
/** A 303 that comes at once was not waited for: such hops are made ever more slowly, until the call's time is up. */
const IMMEDIATE_MS = 20;
const IMMEDIATE_DELAY_MAX_MS = 500;

export interface HopReply {
  readonly status: number;
  readonly body: string;
  /** The platform's id of the call, `fc-…`. */
  readonly callId: string | undefined;
  readonly retryAfter: string | undefined;
  /** It is the answer to a GET: no call was made by the request that brought it. */
  readonly wasRead: boolean;
}

/** The endpoint answered with something that cannot be followed. */
export class HopError extends Error {}
/** Nothing came within the time a request may take; the call itself may still run. */
export class HopTimeoutError extends Error {}
/** Whether the endpoint took the request will never be known. */
export class LostError extends Error {}

export interface HopsOptions {
  readonly client: AxiosInstance;
  readonly endpoint: Endpoint;
  readonly credentials: EndpointCredentials | undefined;
  readonly limiter: RequestLimiter | undefined;
  /** Ends the request in progress, which cancels the call behind it. */
  readonly signal: AbortSignal;
  /** Hears of a result URL, and is awaited, before the URL is followed. */
  readonly onResultUrl: (resultUrl: string) => Promise<void>;
  /** Hears of the call's id with the first answer that tells it. */
  readonly onCallId?: ((callId: string) => void) | undefined;
  readonly hopTimeoutMs?: number;
  /** Hears of each 303. */
  readonly onHop?: (() => void) | undefined;
  /** Sent with every request. */
  readonly traceparent?: string | undefined;
}

interface RawReply extends HopReply {
  readonly location: string | undefined;
}

/**
 * The requests of one call. 303s are followed by hand: GET, no body, same origin, credentials resent, each request
 * with its own time limit below the call's. What the token in a result URL looks like is the platform's business.
 */
export class Hops {
  constructor(private readonly options: HopsOptions) {}

  /** Sends one request and follows its 303s. */
  async post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<HopReply> {
    const reply = await this.send('POST', url, body, headers);
    return this.follow(url, reply);
  }

  async delete(url: string): Promise<HopReply> {
    return this.follow(url, await this.send('DELETE', url));
  }

  /** Reads a result, or the state of a job, and follows its 303s. */
  async get(url: string): Promise<HopReply> {
    return this.follow(url, await this.read(url));
  }

  private async follow(from: string, first: RawReply): Promise<HopReply> {
    let url = from;
    let reply = first;
    let pauseMs = 1;
    while (reply.status === 303) {
      this.options.onHop?.();
      url = this.nextUrl(url, reply.location);
      await this.options.onResultUrl(url);
      const beganMs = performance.now();
      reply = await this.read(url);
      const isImmediate = performance.now() - beganMs < IMMEDIATE_MS;
      pauseMs = isImmediate ? Math.min(IMMEDIATE_DELAY_MAX_MS, pauseMs * 2) : 1;
      if (reply.status === 303 && isImmediate) await this.pause(pauseMs);
    }
    return reply;
  }

  private nextUrl(url: string, location: string | undefined): string {
    if (location === undefined) throw new HopError('the endpoint answered 303 without a Location');
    if (!URL.canParse(location, url))
      throw new HopError('the endpoint answered 303 with a Location that is no URL');
    const next = new URL(location, url);
    if (next.origin !== new URL(this.options.endpoint.url).origin)
      throw new HopError('the endpoint answered 303 with a Location on another origin');
    return next.href;
  }

  /** Reading makes no call, so a broken or silent connection is simply made again. */
  private async read(url: string): Promise<RawReply> {
    const { signal } = this.options;
    let giveUpAtMs: number | undefined;
    for (let delayMs = FIND_AGAIN_DELAY_MS; ; delayMs = Math.min(delayMs * 2, FIND_AGAIN_DELAY_MAX_MS)) {
      try {
        return await this.send('GET', url);
      } catch (error) {
        giveUpAtMs ??= performance.now() + FIND_AGAIN_FOR_MS;
        const isFinal = signal.aborted || error instanceof ResponseTooLargeError;
        if (isFinal || performance.now() + delayMs > giveUpAtMs) throw error;
      }
      await this.pause(delayMs);
    }
  }

  private async pause(delayMs: number): Promise<void> {
    await wait(delayMs, undefined, { signal: this.options.signal });
  }

  private async send(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawReply> {
    const { client, endpoint, credentials, limiter, signal, onCallId, traceparent } = this.options;
    // Ending work must not wait behind what begins it.
    if (method === 'DELETE') limiter?.takeAtOnce();
    else await limiter?.turn(signal);
    // Not AbortSignal.timeout and AbortSignal.any: they would keep every timer to its end.
    const abort = new AbortController();
    const forward = (): void => abort.abort();
    signal.addEventListener('abort', forward, { once: true });
    if (signal.aborted) abort.abort();
    let isLate = false;
    const late = (): void => {
      isLate = true;
      abort.abort();
    };
    // Others than the platform answer when they are done, within the execution timeout.
    const timer =
      endpoint.protocol === 'modal-hf'
        ? setTimeout(late, this.options.hopTimeoutMs ?? HOP_TIMEOUT_MS)
        : undefined;
    try {
      const response = await client.request<string>({
        method,
        url,
        signal: abort.signal,
        headers: {
          ...credentialHeaders(credentials),
          ...headers,
          ...(traceparent === undefined ? {} : { traceparent }),
        },
        ...(body === undefined ? {} : { data: body }),
      });
      const header = (name: string): string | undefined => {
        const value: unknown = (response.headers as Record<string, unknown>)[name];
        return typeof value === 'string' ? value : undefined;
      };
      const callId = header('modal-function-call-id');
      if (callId !== undefined) onCallId?.(callId);
      return {
        status: response.status,
        body: response.data,
        location: header('location'),
        callId,
        retryAfter: header('retry-after'),
        wasRead: method === 'GET',
      };
    } catch (error) {
      if (isLate) throw new HopTimeoutError('nothing came within the time a request may take');
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', forward);
    }
  }
}

/** Whether the request certainly never reached the endpoint. */
export function isUnreachable(error: unknown): boolean {
  return NEVER_SENT.has(codeOf(error));
}

/** Name of what broke a request: a system's or client's error code. */
export function codeOf(error: unknown): string {
  if (isAxiosError(error)) return error.code ?? 'unknown';
  return error instanceof Error ? error.name : 'unknown';
}
