import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Configuration, Settings } from '#config';
import {
  callEndedSchema,
  cancelSchema,
  probeSchema,
  subjects,
  withdrawSchema,
  type Heartbeat,
} from '#contracts';
import { HEARTBEAT_MS } from '#domain';
import { HANDED_ON, createHttpClient, type HttpClient } from '#endpoint-client';
import {
  BrokerLife,
  CallStore,
  OutcomePublisher,
  Topology,
  connectNats,
  replyJson,
  publishJson,
  subscribeJson,
  type NatsConnection,
} from '#messaging';
import { Metrics, startTracing, type Logger, type Tracing } from '#observability';
import { openAutoscalerDesk } from './autoscaler-desk.js';
import { EndpointWorker } from './endpoint-worker.js';
import { Line } from './line.js';
import { RunningCalls } from './running-calls.js';
import { HealthProbes } from './health-probes.js';
import { regionEndpoints } from './region-endpoints.js';

/** Executes one region's tickets. Holds NATS credentials and its endpoints' secrets, and no others. */
export class Dispatcher {
  private constructor(
    private readonly connection: NatsConnection,
    private readonly http: HttpClient,
    private readonly calls: RunningCalls,
    private readonly workers: readonly EndpointWorker[],
    private readonly heartbeat: NodeJS.Timeout,
    private readonly drainMs: number,
    private readonly tracing: Tracing,
  ) {}

  static async start(
    region: string,
    settings: Settings,
    configuration: Configuration,
    logger: Logger,
    /** Holds the keys that endpoints name by `api_key_env`. */
    environment: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Dispatcher> {
    const dispatcherId = `${region}-${randomUUID()}`;
    const calls = new RunningCalls();
    let onBack = (): void => undefined;
    const connection = await connectNats({
      url: settings.natsUrl ?? '',
      name: `dispatcher-${region}`,
      onReconnect: () => {
        logger.info({ event: 'nats.reconnected' }, 'NATS is back');
        onBack();
      },
      onDisconnect: () => {
        calls.doubtWaiting();
        calls.doubtDeliveries();
        logger.warn({ event: 'nats.disconnected' }, 'NATS is away');
      },
    });
    const line = new Line(connection);
    const topology = await Topology.open(connection);
    const life = new BrokerLife(connection, {
      read: () => topology.lifeBeganMs(),
      onUnknown: (error) =>
        logger.warn(
          { event: 'nats.life_unknown', err: error },
          'not known since when NATS runs: every ticket is asked about before its call begins',
        ),
    });
    const http = createHttpClient();
    const endpoints = regionEndpoints(region, settings, configuration, environment);
    const metrics = new Metrics(`dispatcher-${region}`);
    const tracing = await startTracing(settings.tracing, `dispatcher-${region}`, metrics, logger);
    const callStore = new CallStore(connection);
    // Both now, so that the first call need not wait for them.
    await life.ask();
    await callStore.prepare().catch((error: unknown) => {
      logger.warn({ event: 'call_store.not_ready', err: error }, 'the store of calls is not there yet');
    });
    const services = {
      dispatcherId,
      connection,
      line,
      life,
      topology,
      outcomes: new OutcomePublisher(connection, dispatcherId),
      callStore,
      http,
      calls,
      metrics,
      tracing,
      logger,
    };
    subscribeJson(connection, subjects.cancelSubject(region), cancelSchema, ({ job_id, epoch }) => {
      if (calls.cancel(job_id, epoch))
        logger.info({ event: 'call.cancelling', job_id, epoch }, 'cancelling a call');
    });
    subscribeJson(
      connection,
      subjects.withdrawSubject(region),
      withdrawSchema,
      ({ job_id, epoch }, message) => {
        const answer = calls.withdraw(job_id, epoch);
        if (answer === undefined) return;
        logger.info(
          { event: 'ticket.withdrawn', job_id, epoch, ...answer },
          'the router asked for a ticket back',
        );
        replyJson(message, { ...answer, dispatcher_id: dispatcherId });
      },
    );
    const probes = new HealthProbes(http.axios);
    subscribeJson(connection, subjects.probeSubject(region), probeSchema, ({ endpoint_id }, message) => {
      const endpoint = endpoints.find(({ id }) => id === endpoint_id);
      if (endpoint === undefined) return;
      void probes.ask(endpoint).then((reply) => replyJson(message, reply));
    });
    openAutoscalerDesk(connection, region, endpoints, http.axios, logger);
    subscribeJson(connection, subjects.callEndedSubject(region), callEndedSchema, ({ job_id, attempt }) => {
      if (calls.nudge(job_id, attempt))
        logger.debug({ event: 'call.reported', job_id, attempt }, 'the endpoint reports the end of a call');
    });
    const beat = (): void => {
      const sentMs = performance.now();
      const sign: Heartbeat = { dispatcher_id: dispatcherId, region, ...calls.beat(sentMs) };
      publishJson(connection, subjects.heartbeatSubject(region), sign);
      line.carried().then(
        () => calls.heard(sentMs),
        () => undefined,
      );
    };
    // Before the first ticket: until somebody was heard here, it is asked about.
    beat();
    onBack = () => {
      // Whoever is not heard for long loses what it works on.
      beat();
      void life.ask();
    };
    const workers = endpoints.map((endpoint) => new EndpointWorker(services, endpoint));
    connection.subscribe(subjects.METRICS, {
      callback: (_error, message) => {
        for (const { id } of endpoints)
          metrics.set('beacon_calls_in_flight', { endpoint: id }, calls.begunOn(id));
        void metrics.snapshot().then((snapshot) => replyJson(message, snapshot));
      },
    });
    const heartbeat = setInterval(beat, HEARTBEAT_MS);
    const { drain_ms: drainMs } = configuration.timeouts;
    return new Dispatcher(connection, http, calls, workers, heartbeat, drainMs, tracing);
  }

  /**
   * Takes no new tickets and waits for the calls in flight. Those that take longer are handed back: the next
   * holder finds them again by their result URL where the platform gave one.
   */
  async drain(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.drain()));
    await this.calls.drained(this.drainMs);
    for (const { delivery } of this.calls.all()) delivery.message.nak();
    clearInterval(this.heartbeat);
    // While NATS is away nothing can be drained: what was to be said is found out by the next holder.
    await this.connection.drain().catch(() => this.connection.close());
    await this.http.close();
    // Whoever still looks for a result does so for the next holder of its ticket.
    for (const { abort } of this.calls.all()) abort.abort(HANDED_ON);
    await this.tracing.stop();
  }
}
