import type { Configuration, Settings } from '#config';
import {
  outcomeSchema,
  heartbeatSchema,
  startedSchema,
  subjects,
  ticketCheckSchema,
  type RequestLimits,
} from '#contracts';
import {
  DurableConsumer,
  TicketPublisher,
  Topology,
  connectNats,
  decodeJson,
  replyJson,
  subscribeJson,
  type NatsConnection,
} from '#messaging';
import { Metrics, type Logger } from '#observability';
import { CharterDatabase, Database, checkTicket } from '#persistence';
import type { Authenticator } from './access/guard-routes.js';
import { OpenDoor } from './access/service-token.js';
import { Endpoints, handoverOf } from './engine/endpoints.js';
import { Engine } from './engine/engine.js';
import { JobJournal } from './engine/job-journal.js';
import { EndpointControl } from './engine/endpoint-control.js';
import { Releases } from './engine/releases.js';
import { Reconciler } from './engine/reconciler.js';
import { WarmKeeper } from './engine/warm-keeper.js';
import { requestLimitsOf } from './http/request-limits.js';
import { Cancellation } from './jobs/cancellation.js';
import { JobIntake } from './jobs/intake.js';
import { JobStatus } from './jobs/job-status.js';
import { JobWait } from './jobs/job-wait.js';
import { QueueView } from './queue/queue-view.js';

const OUTCOMES_PREFETCH = 1000;
/** Connections that read what customers are told. */
const CHARTER_POOL = 6;

/** Everything a router process holds; built here in one visible place, wired into controllers by the module. */
export class Router {
  private constructor(
    readonly configuration: Configuration,
    readonly logger: Logger,
    readonly metrics: Metrics,
    readonly database: Database,
    /** What customers' answers are read with. */
    readonly charter: CharterDatabase,
    readonly connection: NatsConnection,
    readonly endpoints: Endpoints,
    readonly queueView: QueueView,
    readonly warmKeeper: WarmKeeper,
    readonly intake: JobIntake,
    readonly jobStatus: JobStatus,
    readonly jobWait: JobWait,
    readonly cancellation: Cancellation,
    readonly limits: RequestLimits,
    readonly webhookSecret: string | undefined,
    readonly authenticator: Authenticator,
    private readonly engine: Engine,
    private readonly reconciler: Reconciler,
    private readonly outcomes: DurableConsumer,
  ) {}

  /** @param authenticator who knows whom a request comes from; left out: what the settings say */
  static async start(
    settings: Settings,
    configuration: Configuration,
    logger: Logger,
    authenticator: Authenticator = new OpenDoor(settings.serviceToken),
  ): Promise<Router> {
    const metrics = new Metrics('router');
    const database = await Database.open(settings.databaseUrl ?? '', {
      applicationName: 'beacon-router',
      poolSize: 16,
      onConnectionFault: (error) =>
        logger.warn({ event: 'database.connection_lost', err: error }, 'a database connection was lost'),
    });
    await database.migrate();
    const charter = await CharterDatabase.open(settings.databaseUrl ?? '', {
      applicationName: 'beacon-charter',
      poolSize: CHARTER_POOL,
      onConnectionFault: (error) =>
        logger.warn({ event: 'database.connection_lost', err: error }, 'a database connection was lost'),
    });
    let ensureStreams = (): Promise<void> => Promise.resolve();
    const connection = await connectNats({
      url: settings.natsUrl ?? '',
      name: 'router',
      onReconnect: () => {
        logger.info({ event: 'nats.reconnected' }, 'NATS is back');
        ensureStreams().catch((error: unknown) => {
          logger.warn({ event: 'nats.streams_missing', err: error }, 'streams could not be made yet');
        });
      },
      onDisconnect: () => logger.warn({ event: 'nats.disconnected' }, 'NATS is away'),
    });
    const endpoints = new Endpoints(configuration, Date.now());
    const topology = await Topology.open(connection);
    ensureStreams = () => topology.ensureStreams(endpoints.regions);
    // NATS may still be opening its store; everything that needs a stream makes it where it is missing.
    await ensureStreams().catch((error: unknown) => {
      logger.warn({ event: 'nats.streams_missing', err: error }, 'streams could not be made yet');
    });

    const journal = new JobJournal(connection, metrics, logger);
    const breaker = {
      failures: configuration.breaker.failures,
      openMs: configuration.breaker.open_ms,
      openMaxMs: configuration.breaker.open_max_ms,
    };
    const engine = new Engine({
      database,
      endpoints,
      tickets: new TicketPublisher(connection),
      journal,
      metrics,
      logger,
      gpuLimit: configuration.limits.gpus,
      handover: handoverOf(configuration),
      releases: new Releases(new EndpointControl(connection, configuration), metrics, logger),
      random: Math.random,
      policy: {
        breaker,
        retries: {
          maxAttempts: configuration.retries.max_attempts,
          backoffMs: configuration.retries.backoff_ms,
          backoffMaxMs: configuration.retries.backoff_max_ms,
        },
      },
    });
    const reconciler = new Reconciler({
      database,
      connection,
      topology,
      endpoints,
      engine,
      journal,
      metrics,
      logger,
      breaker,
    });
    const queueView = new QueueView(database, endpoints);
    const warmKeeper = new WarmKeeper({
      ...{ database, configuration, queueView, metrics, logger },
      control: new EndpointControl(connection, configuration),
    });
    const jobStatus = new JobStatus(database, queueView, configuration.limits.gpus, charter);
    const intake = new JobIntake(database, endpoints, queueView, engine, journal, metrics, logger, {
      executionMs: configuration.timeouts.execution_ms,
      maxAttempts: configuration.retries.max_attempts,
      ageing: {
        normalMs: configuration.priorities.normal_ageing_s * 1000,
        lowMs: configuration.priorities.low_ageing_s * 1000,
      },
    });
    subscribe(connection, database, endpoints, engine, logger);
    const outcomes = new DurableConsumer(connection, {
      stream: subjects.OUTCOMES_STREAM,
      consumer: subjects.RECORDER_CONSUMER,
      prefetch: OUTCOMES_PREFETCH,
      ensure: async () => {
        await topology.ensureStreams(endpoints.regions);
        await topology.ensureRecorderConsumer();
      },
      handle: (message) => {
        const outcome = decodeJson(outcomeSchema, message.data);
        if (outcome !== undefined) {
          engine.receive({ outcome, message });
          return;
        }
        // Kept, it would come back for ever. Its ticket is acked, so the reconciler issues the job again.
        logger.error({ event: 'outcome.malformed', subject: message.subject }, 'malformed outcome dropped');
        message.ack();
      },
      onInterrupted: (error) =>
        logger.warn({ event: 'outcomes.interrupted', err: error }, 'outcome delivery was interrupted'),
    });
    engine.poke();
    reconciler.start();
    warmKeeper.start();
    return new Router(
      configuration,
      logger,
      metrics,
      database,
      charter,
      connection,
      endpoints,
      queueView,
      warmKeeper,
      intake,
      jobStatus,
      new JobWait(journal, jobStatus),
      new Cancellation(database, connection, topology, journal, logger),
      requestLimitsOf(configuration),
      settings.webhookSecret,
      authenticator,
      engine,
      reconciler,
      outcomes,
    );
  }

  /** Lets waiting requests go and refuses new jobs; the HTTP server closes after this. */
  async stopAccepting(): Promise<void> {
    this.jobWait.stop();
    await this.intake.close();
  }

  /** Records what has arrived, then closes. What arrives later waits in JetStream. */
  async stop(): Promise<void> {
    this.queueView.stop();
    await this.outcomes.stop();
    await this.warmKeeper.stop();
    await this.reconciler.stop();
    await this.engine.stop();
    await this.connection.drain().catch(() => undefined);
    await this.charter.close();
    await this.database.close();
  }
}

/** Every core NATS subscription of the router. */
function subscribe(
  connection: NatsConnection,
  database: Database,
  endpoints: Endpoints,
  engine: Engine,
  logger: Logger,
): void {
  const onInvalid = (subject: string): void => {
    logger.warn({ event: 'message.malformed', subject }, 'a malformed message was ignored');
  };
  subscribeJson(
    connection,
    subjects.ALL_STARTED,
    startedSchema,
    (started) => engine.alive([started]),
    onInvalid,
  );
  subscribeJson(
    connection,
    subjects.ALL_HEARTBEATS,
    heartbeatSchema,
    ({ region, dispatcher_id, calls }) => {
      const wasAlive = endpoints.dispatcherAlive(region, Date.now());
      endpoints.heartbeat(region, Date.now());
      engine.alive(calls.map((call) => ({ ...call, dispatcher_id })));
      if (!wasAlive) engine.poke();
    },
    onInvalid,
  );
  subscribeJson(
    connection,
    subjects.TICKET_CHECK,
    ticketCheckSchema,
    ({ job_id, epoch }, message) => {
      checkTicket(database, job_id, epoch, (id) => endpoints.spec(id)?.concurrency ?? 1).then(
        ({ wanted, ended, mayBegin }) => replyJson(message, { wanted, ended, may_begin: mayBegin }),
        // No answer: the dispatcher asks again. A guess could pay for a call twice.
        (error: unknown) =>
          logger.warn(
            { event: 'ticket.check_failed', job_id, epoch, err: error },
            'a ticket could not be checked',
          ),
      );
    },
    onInvalid,
  );
}
