import { request as httpRequest, type ClientRequest } from 'node:http';
import { ManualClock } from './clock/manual-clock.js';
import { standInConfiguration, type StandInConfigurationInput } from './configuration/configuration.js';
import type { AnswerEngine } from './engine/answer-engine.js';
import type { FaultInput } from './faults/fault-schema.js';
import { serveStandIn } from './serve.js';
import { StandIn } from './stand-in.js';

type EndpointInput = StandInConfigurationInput['endpoints'][number];

/** Boots in 1 s, loads in 9 s, answers in 5 s, is idle for 60 s. */
export function anEndpoint(overrides: Partial<EndpointInput> = {}): EndpointInput {
  return {
    id: 'us-m',
    region: 'US',
    models: ['m'],
    boot_s: 1,
    load_s: 9,
    execution_s: 5,
    scaledown_window_s: 60,
    ...overrides,
  };
}

export const COLD_START_S = 10;
export const EXECUTION_S = 5;
export const SCALEDOWN_S = 60;

export function aStandIn(
  overrides: Partial<StandInConfigurationInput> = {},
  engine?: AnswerEngine,
): { standIn: StandIn; clock: ManualClock } {
  const clock = new ManualClock();
  const configuration = standInConfiguration(
    { endpoints: [anEndpoint()], routing_hop_s: 0, ...overrides },
    'test',
  );
  return {
    standIn: new StandIn(configuration, { clock, ...(engine === undefined ? {} : { engine }) }),
    clock,
  };
}

export interface Served {
  readonly url: string;
  readonly standIn: StandIn;
  readonly clock: ManualClock;
  /** POSTs a call; resolves when it is answered. */
  call(options?: CallOptions): Promise<Response>;
  /** POSTs a call and returns once the stand-in has accepted it. */
  startCall(options?: CallOptions): Promise<PendingCall>;
  /** Adds a fault over HTTP. */
  fault(fault: FaultInput): Promise<Response>;
  get(path: string): Promise<Response>;
  close(): Promise<void>;
}

/** Wrapped, because a promise of a promise would wait for both. */
export interface PendingCall {
  readonly answer: Promise<Response>;
}

export interface CallOptions {
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A stand-in on a free port whose time moves only when a test moves it. */
export async function served(overrides: Partial<StandInConfigurationInput> = {}): Promise<Served> {
  const { standIn, clock } = aStandIn(overrides);
  const server = await serveStandIn(standIn);
  const { url } = server;
  const call = async ({
    path = '/us-m',
    body = { model: 'm', prompt: 'Hello?' },
    headers,
  }: CallOptions = {}) =>
    fetch(new URL(path, url), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return {
    url,
    standIn,
    clock,
    close: () => server.close(),
    call,
    startCall: async (options) => {
      const before = standIn.account.totals.tally.accepted;
      const answer = call(options);
      // The test awaits it later; until then a broken connection is no unhandled rejection.
      answer.catch(() => undefined);
      await until(() => standIn.account.totals.tally.accepted > before);
      return { answer };
    },
    fault: async (fault) =>
      fetch(`${url}/_stand-in/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(fault),
      }),
    get: async (path) => fetch(new URL(path, url), { redirect: 'manual' }),
  };
}

/** A POST that can be hung up on. Resolves once the stand-in has accepted it. */
export async function hangUpCall({ url, standIn }: Served, path = '/us-m'): Promise<ClientRequest> {
  const before = standIn.account.totals.tally.accepted;
  const request = httpRequest(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  request.on('error', () => undefined);
  request.end(JSON.stringify({ model: 'm', prompt: 'Hello?' }));
  await until(() => standIn.account.totals.tally.accepted > before);
  return request;
}

/** As that of `until` in libs/testing, which only specs may use. */
const DEADLINE_MS = 60_000;

/** Polls until the condition holds. @throws when it does not within the deadline */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`not within ${DEADLINE_MS} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A JSON object's field, for answers whose shape the test itself asserts. */
export async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}
