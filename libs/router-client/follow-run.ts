import { createParser } from 'eventsource-parser';
import type { RouterClientOptions } from './create-router-client.js';
import type { components } from './schema.js';

/** An event of a run, told apart by `type`. */
export type RunEvent = components['schemas']['RunEvent'];
type Problem = components['schemas']['Problem'];

export interface FollowedEvent<Event = RunEvent> {
  /** To come back with; `undefined`: the event is not stored, as `progress` is not. */
  readonly id: string | undefined;
  readonly event: Event;
}

/** What is known of the connection, for people to see. */
export type ConnectionState =
  | { readonly state: 'connecting' }
  | { readonly state: 'open' }
  /** The connection broke or could not be made; the next try comes by itself. */
  | { readonly state: 'waiting'; readonly reason: string; readonly retryInMs: number }
  | { readonly state: 'ended' };

export interface FollowOptions<Event = RunEvent> {
  /** Id of the last event that is known already; left out: from the first. */
  readonly lastEventId?: string | undefined;
  /** Ends it; the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onConnection?: (state: ConnectionState) => void;
  /** Checks an event; what it throws ends the iteration. Left out: the document's word is taken for it. */
  readonly parse?: (event: unknown) => Event;
  /** First pause before a lost connection is made again; doubles up to `backoffMaxMs`. The server may name another. */
  readonly backoffMs?: number;
  readonly backoffMaxMs?: number;
  /** A connection that is silent for so long is taken for lost: the server says something every 15 seconds. */
  readonly silenceMs?: number;
}

const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 10_000;
const SILENCE_MS = 45_000;
/** Refusals that pass. */
const TRANSIENT = new Set([408, 425, 429]);
const FINAL_EVENT = 'run.finished';

/** The router refuses to tell of the run: no key, no such run, a bad id of an event. */
export class FollowRefusedError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
  ) {
    super(`the router refuses the run's events: ${problem?.detail ?? `status ${status}`}`);
    this.name = 'FollowRefusedError';
  }
}

/**
 * Tells of a run from its first event, or from the one after `lastEventId`, to its end. A connection that is lost is
 * made again, and nothing that is stored is told twice or left out. A run that has ended may be opened again: it is over
 * once the router says that nothing is left to tell. Works in browsers too, where EventSource could send no key.
 * @throws FollowRefusedError
 */
export async function* followRun<Event = RunEvent>(
  router: RouterClientOptions,
  runId: string,
  options: FollowOptions<Event> = {},
): AsyncGenerator<FollowedEvent<Event>, void, undefined> {
  const { signal, onConnection = () => undefined, parse = (event) => event as Event } = options;
  const left = new AbortController();
  const ended = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const memory: Memory = { lastEventId: options.lastEventId, serverRetryMs: undefined };
  let failures = 0;
  try {
    for (;;) {
      ended.throwIfAborted();
      onConnection({ state: 'connecting' });
      let reason = 'the connection ended';
      let lastType: string | undefined;
      try {
        const connection = await connect(router, runId, memory, ended, options.silenceMs ?? SILENCE_MS);
        if (connection === undefined) {
          onConnection({ state: 'ended' });
          return;
        }
        onConnection({ state: 'open' });
        for await (const { id, data } of connection) {
          const event: unknown = JSON.parse(data);
          lastType = (event as { readonly type?: string } | null)?.type;
          const told = { id, event: parse(event) };
          // Only now: what is thrown on the way would be told again.
          memory.lastEventId = id ?? memory.lastEventId;
          failures = 0;
          yield told;
        }
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error;
        ended.throwIfAborted();
        reason = error.message;
        lastType = undefined;
      }
      // The last event, as it seems: the router is asked at once whether that is all.
      if (lastType === FINAL_EVENT) continue;
      const retryInMs = pauseMs(failures, memory.serverRetryMs, options);
      failures += 1;
      onConnection({ state: 'waiting', reason, retryInMs });
      await pause(retryInMs, ended);
    }
  } finally {
    left.abort();
  }
}

/** What outlives a connection. */
interface Memory {
  lastEventId: string | undefined;
  /** The pause that the server asked for. */
  serverRetryMs: number | undefined;
}

/** May be tried again. */
class ConnectionLostError extends Error {}

/** @returns undefined where there is nothing left to tell  @throws ConnectionLostError, FollowRefusedError */
async function connect(
  { baseUrl, key, headers, fetch: send = (request) => fetch(request) }: RouterClientOptions,
  runId: string,
  memory: Memory,
  signal: AbortSignal,
  silenceMs: number,
): Promise<AsyncGenerator<{ id: string | undefined; data: string }, void, undefined> | undefined> {
  const silence = new Silence(silenceMs);
  const url = `${baseUrl.replace(/\/+$/, '')}/runs/${encodeURIComponent(runId)}/events`;
  try {
    const request = new Request(url, {
      headers: {
        ...headers,
        accept: 'text/event-stream',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(memory.lastEventId === undefined ? {} : { 'last-event-id': memory.lastEventId }),
      },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    silence.broken();
    const response = await send(request).catch(lost);
    if (response.status === 204) {
      silence.end();
      return undefined;
    }
    if (!response.ok) throw await refusal(response);
    if (response.body === null) throw new ConnectionLostError('the answer is empty');
    return messagesOf(response.body, memory, silence);
  } catch (error) {
    silence.end();
    throw error;
  }
}

async function* messagesOf(
  body: ReadableStream<Uint8Array>,
  memory: Memory,
  silence: Silence,
): AsyncGenerator<{ id: string | undefined; data: string }, void, undefined> {
  const ready: { id: string | undefined; data: string }[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => void ready.push({ id, data }),
    onRetry: (retryMs) => {
      memory.serverRetryMs = retryMs;
    },
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      silence.broken();
      const { done, value } = await reader.read().catch(lost);
      // The reader of these events may take its time; that is not the server's silence.
      silence.end();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    silence.end();
    // Where the connection is gone already there is nothing to give up.
    await reader.cancel().catch(() => undefined);
  }
}

function lost(error: unknown): never {
  throw new ConnectionLostError(error instanceof Error ? error.message : 'the connection broke', {
    cause: error,
  });
}

async function refusal(response: Response): Promise<Error> {
  const text = await response.text().catch(() => '');
  if (response.status >= 500 || TRANSIENT.has(response.status))
    return new ConnectionLostError(problemIn(text)?.detail ?? `status ${response.status}`);
  return new FollowRefusedError(response.status, problemIn(text));
}

function problemIn(text: string): Problem | undefined {
  try {
    const value = JSON.parse(text) as Partial<Problem> | null;
    return typeof value?.code === 'string' && typeof value.detail === 'string'
      ? (value as Problem)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Full jitter above one half: many readers of one router do not come back together. */
function pauseMs<Event>(
  failures: number,
  serverRetryMs: number | undefined,
  { backoffMs, backoffMaxMs = BACKOFF_MAX_MS }: FollowOptions<Event>,
): number {
  const firstMs = backoffMs ?? serverRetryMs ?? BACKOFF_MS;
  return Math.min(firstMs * 2 ** Math.min(failures, 16), backoffMaxMs) * (0.5 + Math.random() / 2);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** Aborts what has been silent for too long. */
class Silence {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly maxMs: number) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Something was heard; the wait for the next begins. */
  broken(): void {
    this.end();
    this.timer = setTimeout(
      () => this.controller.abort(new Error(`nothing came for ${this.maxMs} ms`)),
      this.maxMs,
    );
  }

  end(): void {
    clearTimeout(this.timer);
  }
}
