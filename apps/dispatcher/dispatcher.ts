import { randomUUID } from 'node:crypto';
import type { Configuration, Settings } from '#config';
import {
  callEndedSchema,
  cancelSchema,
  probeSchema,
  subjects,
  withdrawSchema,
  type Heartbeat,
} from '#contracts';
import { HANDED_ON, createHttpClient, type HttpClient } from '#endpoint-client';
import {
  CallStore,
  OutcomePublisher,
  Topology,
  connectNats,
  replyJson,
  publishJson,
  subscribeJson,
  type NatsConnection,
} from '#messaging';
import { Metrics, type Logger } from '#observability';
import { openAutoscalerDesk } from './autoscaler-desk.js';
import { EndpointWorker } from './endpoint-worker.js';
import { RunningCalls } from './running-calls.js';
import { HealthProbes } from './health-probes.js';
import { regionEndpoints } from './region-endpoints.js';

const HEARTBEAT_MS = 1000;

/** Executes one region's tickets. Holds NATS credentials and its endpoints' secrets, and no others. */
export class Dispatcher {
  private constructor(
    private readonly connection: NatsConnection,
    private readonly http: HttpClient,
    private readonly calls: RunningCalls,
    private readonly workers: readonly EndpointWorker[],
    private readonly heartbeat: NodeJS.Timeout,
    private readonly drainMs: number,
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
    const connection = await connectNats({
      url: settings.natsUrl ?? '',
      name: `dispatcher-${region}`,
      onReconnect: () => logger.info({ event: 'nats.reconnected' }, 'NATS is back'),
      onDisconnect: () => logger.warn({ event: 'nats.disconnected' }, 'NATS is away'),
    });
    const http = createHttpClient();
    const calls = new RunningCalls();
    const endpoints = regionEndpoints(region, settings, configuration, environment);
    const metrics = new Metrics(`dispatcher-${region}`);
    const callStore = new CallStore(connection);
    // Opened now, so that the first call need not wait for it.
    await callStore.prepare().catch((error: unknown) => {
      logger.warn({ event: 'call_store.not_ready', err: error }, 'the store of calls is not there yet');
    });
    const services = {
      dispatcherId,
      connection,
      topology: await Topology.open(connection),
      outcomes: new OutcomePublisher(connection, dispatcherId),
      callStore,
      http,
      calls,
      metrics,
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
          { event: 'ticket.withdrawn', job_id, epoch, answer },
          'the router asked for a ticket back',
        );
        replyJson(message, { given_back: answer === 'given_back' });
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
    const workers = endpoints.map((endpoint) => new EndpointWorker(services, endpoint));
    connection.subscribe(subjects.METRICS, {
      callback: (_error, message) => {
        for (const { id } of endpoints)
          metrics.set('beacon_calls_in_flight', { endpoint: id }, calls.begunOn(id));
        void metrics.snapshot().then((snapshot) => replyJson(message, snapshot));
      },
    });
    const heartbeat = setInterval(() => {
      const beat: Heartbeat = { dispatcher_id: dispatcherId, region, calls: calls.begun() };
      publishJson(connection, subjects.heartbeatSubject(region), beat);
    }, HEARTBEAT_MS);
    return new Dispatcher(connection, http, calls, workers, heartbeat, configuration.timeouts.drain_ms);
  }

  /**
   * Takes no new tickets and waits for the calls in flight. Those that take longer are handed back: the next
   * holder finds them again by their result URL where the platform gave one.
   */
  async drain(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.drain()));
    await this.calls.drained(this.drainMs);
    for (const { message } of this.calls.all()) message.nak();
    clearInterval(this.heartbeat);
    await this.connection.drain();
    await this.http.close();
    // Whoever still looks for a result does so for the next holder of its ticket.
    for (const { abort } of this.calls.all()) abort.abort(HANDED_ON);
  }
}
