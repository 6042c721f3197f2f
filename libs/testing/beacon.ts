import { randomBytes } from 'node:crypto';
import { loadSettings, parseConfiguration, type Configuration } from '#config';
import {
  ProblemError,
  subjects,
  ticketCheckSchema,
  type Outcome,
  type StoredAttempt,
  type TicketCheck,
} from '#contracts';
import type { Caller, KeyLimits, Role } from '#domain';
import {
  CallStore,
  OutcomePublisher,
  Topology,
  connectNats,
  subscribeJson,
  type NatsConnection,
} from '#messaging';
import { Metrics, createLogger } from '#observability';
import type { Database } from '#persistence';
import type { FastifyRequest } from 'fastify';
import type { Authenticator } from '../../apps/router/access/guard-routes.js';
import { BeaconClient } from './beacon-client.js';
import { startTestNats, type TestNats } from './nats.js';
import { startTestDatabase } from './postgres.js';
import { TcpLink } from './tcp-link.js';
import { until } from './until.js';
import { Upstream } from './upstream.js';

export interface TestKey {
  readonly roles: readonly Role[];
  /** Left out: the key's own text. */
  readonly tenant?: string;
  readonly limits?: KeyLimits;
}

export interface BeaconOptions {
  /** YAML or JSON text; the endpoints are to lie below the upstream's URL. */
  readonly configuration: (upstreamUrl: string) => string;
  /** Regions whose dispatcher runs from the start. Left out: all. */
  readonly dispatchers?: readonly string[];
  /** The runner runs too. Left out: runs stay as they are submitted. */
  readonly runner?: boolean;
  readonly modalKey?: string;
  readonly modalSecret?: string;
  /** `BEACON_WEBHOOK_SECRET`. */
  readonly webhookSecret?: string;
  /** `BEACON_API_KEYS_FILE`. */
  readonly keysFile?: string;
  /** `BEACON_WEBHOOK_SECRET_PREVIOUS`. */
  readonly webhookSecretPrevious?: string;
  /** Keys that callers have, by the text of the key. Left out: the server has no keys. */
  readonly keys?: Readonly<Record<string, TestKey>>;
  /** `BEACON_SERVICE_TOKEN`: with it another process of Beacon asks, beside the keys. */
  readonly serviceToken?: string;
  /** Left out: nothing is logged. */
  readonly logLevel?: string;
  /** More settings, such as OpenTelemetry's. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A dispatcher whose line to NATS can be cut; to the rest of Beacon that looks like its death. */
export interface TestDispatcher {
  readonly link: TcpLink;
  stop(): Promise<void>;
}

/** To be stopped, or it is with everything else. */
export interface AnotherRouter {
  readonly url: string;
  readonly client: BeaconClient;
  stop(): Promise<void>;
}

/** Router and dispatchers in this process, on a Postgres, a nats-server and a scripted upstream of their own. */
export interface Beacon {
  readonly url: string;
  readonly client: BeaconClient;
  readonly upstream: Upstream;
  /** A pool beside the router's. */
  readonly database: Database;
  readonly nats: TestNats;
  readonly topology: Topology;
  readonly configuration: Configuration;
  /** `METHOD /path/{param}` of every route that is served. */
  routes(): string[];
  dispatcher(region: string): TestDispatcher;
  /** Another one, beside those that run. */
  startDispatcher(region: string): Promise<TestDispatcher>;
  /** @returns what dispatchers ask about tickets from now on, to be read again and again */
  hearTicketChecks(): readonly TicketCheck[];
  /** NATS gives out again what it has given out at an endpoint, as a server does that was killed a moment later. */
  forgetDeliveries(region: string, endpointId: string): Promise<void>;
  /** What is written down of an attempt's calls so far. A line that is cut before that takes it along. */
  noteOf(jobId: string, attempt?: number): Promise<StoredAttempt | undefined>;
  /** @param holder who publishes; JetStream drops what one holder publishes twice */
  publishOutcome(outcome: Outcome, holder?: string): Promise<void>;
  stopRouter(): Promise<void>;
  /** After `stopRouter`, on the same address. */
  startRouter(): Promise<void>;
  /** One more, beside the first, on the same Postgres and NATS. */
  startAnotherRouter(): Promise<AnotherRouter>;
  stop(): Promise<void>;
}

export async function startBeacon(options: BeaconOptions): Promise<Beacon> {
  // Loaded when needed: specs of single libs use this one's smaller parts.
  const { startRouter: startRouterProcess } = await import('../../apps/router/router.js');
  const { createServer } = await import('../../apps/router/server.js');
  const { serviceCaller } = await import('../../apps/router/access/service-token.js');
  const { Dispatcher } = await import('../../apps/dispatcher/dispatcher.js');

  const [postgres, nats, upstream] = await Promise.all([
    startTestDatabase(),
    startTestNats(),
    Upstream.start(),
  ]);
  const configuration = parseConfiguration(options.configuration(upstream.url), 'test');
  const logger = createLogger('test', options.logLevel ?? 'silent');
  // What the runner says of whose a job is counts only with it.
  const serviceToken =
    options.serviceToken ?? (options.runner === true ? randomBytes(32).toString('base64url') : undefined);
  const settingsFor = (natsUrl: string) =>
    loadSettings({
      DATABASE_URL: postgres.url,
      NATS_URL: natsUrl,
      MODAL_KEY: options.modalKey,
      MODAL_SECRET: options.modalSecret,
      BEACON_WEBHOOK_SECRET: options.webhookSecret,
      BEACON_API_KEYS_FILE: options.keysFile,
      BEACON_WEBHOOK_SECRET_PREVIOUS: options.webhookSecretPrevious,
      BEACON_SERVICE_TOKEN: serviceToken,
      ...options.environment,
    });

  const serve = async (atPort: number) => {
    const router = await startRouterProcess(
      settingsFor(nats.url),
      configuration,
      logger,
      ...(options.keys === undefined
        ? []
        : [authenticatorOf(options.keys, (request) => serviceCaller(request, serviceToken))]),
    );
    const { app, routes } = await createServer(router);
    // A router that comes back to its port may find somebody else's connection there for a moment.
    await until('the router listens', () => app.listen(atPort, '127.0.0.1').then(() => true));
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> =>
      (stopped ??= (async () => {
        await router.stopAccepting();
        await app.close();
        await router.stop();
      })());
    return { url: await app.getUrl(), routes: routes.list(), stop };
  };
  let port = 0;
  let first: Awaited<ReturnType<typeof serve>> | undefined;
  const startRouter = async (): Promise<void> => {
    first = await serve(port);
    port = Number(new URL(first.url).port);
  };
  const stopRouter = async (): Promise<void> => first?.stop();

  const others: (() => Promise<void>)[] = [];
  const running = new Set<TestDispatcher>();
  const startDispatcher = async (region: string): Promise<TestDispatcher> => {
    const link = await TcpLink.open(nats.port);
    const dispatcher = await Dispatcher.start(
      region,
      settingsFor(`nats://127.0.0.1:${link.port}`),
      configuration,
      logger,
    );
    const started: TestDispatcher = {
      link,
      stop: async () => {
        if (!running.delete(started)) return;
        link.heal();
        await dispatcher.drain();
        await link.close();
      },
    };
    running.add(started);
    return started;
  };

  await startRouter();
  const dispatchers = new Map<string, TestDispatcher>();
  for (const region of options.dispatchers ?? Object.keys(configuration.regions))
    dispatchers.set(region, await startDispatcher(region));
  const observer: NatsConnection = await connectNats({
    url: nats.url,
    name: 'test',
    onReconnect: () => undefined,
    onDisconnect: () => undefined,
  });
  const callStore = new CallStore(observer);
  const url = `http://127.0.0.1:${port}`;
  const runner =
    options.runner === true
      ? await startRunner(url, postgres.database, observer, configuration, serviceToken)
      : undefined;
  return {
    url,
    client: new BeaconClient(url, undefined, rolesOf(options.keys)),
    upstream,
    database: postgres.database,
    nats,
    topology: await Topology.open(observer),
    configuration,
    routes: () => first?.routes ?? [],
    dispatcher: (region) => {
      const dispatcher = dispatchers.get(region);
      if (dispatcher === undefined) throw new Error(`no dispatcher was started in ${region}`);
      return dispatcher;
    },
    startDispatcher,
    hearTicketChecks: () => {
      const checks: TicketCheck[] = [];
      subscribeJson(
        observer,
        subjects.TICKET_CHECK,
        ticketCheckSchema,
        (check) => checks.push(check),
        (subject) => {
          throw new Error(`a malformed message on ${subject}`);
        },
      );
      return checks;
    },
    forgetDeliveries: async (region, endpointId) => {
      const consumer = `${subjects.dispatchStream(region)}.${subjects.endpointConsumer(endpointId)}`;
      // Dispatchers make it again. The server may say that it could not remove a folder to which it writes: it has forgotten then.
      await observer.request(`$JS.API.CONSUMER.DELETE.${consumer}`);
    },
    noteOf: async (jobId, attempt = 1) => (await callStore.get(jobId, attempt))?.attempt,
    publishOutcome: (outcome, holder = 'test') => new OutcomePublisher(observer, holder).publish(outcome),
    stopRouter,
    startRouter,
    startAnotherRouter: async () => {
      const served = await serve(0);
      others.push(served.stop);
      return {
        url: served.url,
        client: new BeaconClient(served.url, undefined, rolesOf(options.keys)),
        stop: served.stop,
      };
    },
    stop: async () => {
      // Upstream first: calls that a spec left hanging end with it.
      await upstream.close();
      await runner?.stop();
      await Promise.all([...running].map((dispatcher) => dispatcher.stop()));
      await Promise.all(others.map((stop) => stop()));
      await stopRouter();
      await observer.close();
      await nats.close();
      await postgres.close();
    },
  };
}

/** Joined as the runner's own main file joins it. */
async function startRunner(
  routerUrl: string,
  database: Database,
  connection: NatsConnection,
  configuration: Configuration,
  serviceToken: string | undefined,
): Promise<{ stop(): Promise<void> }> {
  const { RunSupervisor } = await import('../../apps/runner/run-supervisor.js');
  const { RouterClient } = await import('../../apps/runner/router-client.js');
  const { natsHints } = await import('../../apps/runner/hints.js');
  const { runCostsOf } = await import('../../apps/runner/run-costs.js');
  const runner = new RunSupervisor({
    database,
    router: new RouterClient({ baseUrl: routerUrl, serviceToken }),
    hints: natsHints(connection),
    logger: createLogger('runner', 'silent'),
    metrics: new Metrics('runner'),
    costs: runCostsOf(configuration),
  });
  runner.start();
  return runner;
}

/** Of keys that are given; real ones are asked about. */
function rolesOf(keys: BeaconOptions['keys']): Map<string, readonly Role[]> {
  return new Map(Object.entries(keys ?? {}).map(([key, { roles }]) => [key, roles]));
}

function authenticatorOf(
  keys: Readonly<Record<string, TestKey>>,
  serviceOf: (request: FastifyRequest) => Caller | undefined,
): Authenticator {
  return {
    authenticate: (request) => {
      const { headers } = request;
      const service = serviceOf(request);
      if (service !== undefined) return service;
      const text = headers.authorization?.replace(/^Bearer /, '') ?? '';
      const key = keys[text];
      if (key === undefined) throw new ProblemError('UNAUTHENTICATED', 'no such key');
      const { roles, tenant = text, limits = {} } = key;
      return { kind: 'key', tenant, keyId: text, roles, limits, requestId: null };
    },
  };
}

/** One endpoint per region of each model: `{ 'm-a': ['US', 'EU'] }`. */
export type Deployment = Readonly<
  Record<string, readonly (string | ({ readonly region: string } & Readonly<Record<string, unknown>>))[]>
>;

/** A configuration whose every model is a world of its own: specs do not meet at an endpoint. */
export function deploymentOf(
  models: Deployment,
  more: Readonly<Record<string, unknown>> = {},
): (upstreamUrl: string) => string {
  return (upstreamUrl) => {
    const endpoints = Object.entries(models).flatMap(([model, places]) =>
      places.map((place) => {
        const { region, ...changes } = typeof place === 'string' ? { region: place } : place;
        const url = `${upstreamUrl}/${region}/${model}`;
        return {
          id: `${region}-${model}`,
          region,
          models: [model],
          url,
          health_url: `${url}/health`,
          ...changes,
        };
      }),
    );
    return JSON.stringify({
      limits: { endpoints: endpoints.length, gpus: endpoints.length },
      retries: { max_attempts: 4, backoff_ms: 20, backoff_max_ms: 100 },
      // Longer than any spec holds a call, on a busy machine too.
      timeouts: { execution_ms: 300_000, drain_ms: 0 },
      regions: {
        US: { aliases: ['us-east'] },
        EU: { aliases: ['eu-west'] },
        ASIA: { aliases: ['apac', 'asia-pacific'] },
      },
      endpoints,
      ...more,
    });
  };
}
