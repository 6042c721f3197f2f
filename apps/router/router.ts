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
  CallStore,
  DurableConsumer,
  TicketPublisher,
  Topology,
  connectNats,
  decodeJson,
  replyJson,
  subscribeJson,
  type NatsConnection,
} from '#messaging';
import { LOCAL_TENANT } from '#domain';
import { Metrics, type Logger } from '#observability';
import { CharterDatabase, Database } from '#persistence';
import { secretOfTenant } from '#webhooks';
import type { Authenticator } from './access/guard-routes.js';
import { KeyRing } from './access/key-ring.js';
import { OpenDoor } from './access/service-token.js';
import { DeadLetterReader } from './dead-letters/dead-letter-reader.js';
import { Redrive } from './dead-letters/redrive.js';
import { Endpoints } from './engine/endpoints.js';
import { Engine } from './engine/engine.js';
import { JobArrivals } from './engine/job-arrivals.js';
import { JobJournal } from './engine/job-journal.js';
import { EndpointControl } from './engine/endpoint-control.js';
import { Releases } from './engine/releases.js';
import { Reconciler } from './engine/reconciler.js';
import { TicketDesk } from './engine/ticket-desk.js';
import { WarmKeeper } from './engine/warm-keeper.js';
import { DailyBudget } from './ledger/daily-budget.js';
import { ledgerPricingOf } from './ledger/ledger-pricing.js';
import { requestLimitsOf } from './http/request-limits.js';
import { Cancellation } from './jobs/cancellation.js';
import { JobIntake } from './jobs/intake.js';
import { JobPlacement } from './jobs/job-placement.js';
import { FullQueues } from './limits/full-queues.js';
import { LimitLog } from './limits/limit-log.js';
import { QueueLimits } from './limits/queue-limits.js';
import { RateLimits } from './limits/rate-limits.js';
import { JobStatus } from './jobs/job-status.js';
import { JobWait } from './jobs/job-wait.js';
import { KeyDesk } from './keys/key-desk.js';
import { ControlDesk } from './operations/control-desk.js';
import { ControlJournal } from './operations/control-journal.js';
import { ControlKeeper } from './operations/control-keeper.js';
import { InForce } from './operations/in-force.js';
import { WakeUps } from './operations/wake-ups.js';
import { Withdrawals } from './operations/withdrawals.js';
import { QueueView } from './queue/queue-view.js';
import { Erasure } from './retention/erasure.js';
import { RetentionSweeper } from './retention/retention-sweeper.js';

const OUTCOMES_PREFETCH = 1000;
/** Connections that read what customers are told. */
const CHARTER_POOL = 6;

/** Everything of a router process that controllers use; built in `startRouter`, wired by the module. */
export interface Router {
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly database: Database;
  /** What customers' answers are read with. */
  readonly charter: CharterDatabase;
  readonly connection: NatsConnection;
  readonly endpoints: Endpoints;
  readonly queueView: QueueView;
  readonly warmKeeper: WarmKeeper;
  readonly intake: JobIntake;
  readonly jobStatus: JobStatus;
  readonly jobWait: JobWait;
  readonly cancellation: Cancellation;
  readonly inForce: InForce;
  readonly controlDesk: ControlDesk;
  readonly limits: RequestLimits;
  /** The one in force and, during a rotation, the one before. */
  readonly webhookSecrets: readonly string[];
  readonly authenticator: Authenticator;
  /** undefined: the server has no keys. */
  readonly keyRing: KeyRing | undefined;
  readonly keyDesk: KeyDesk;
  readonly dailyBudget: DailyBudget;
  readonly limitLog: LimitLog;
  readonly rateLimits: RateLimits;
  readonly deadLetters: DeadLetterReader;
  readonly redrive: Redrive;
  readonly erasure: Erasure;
  /** Lets waiting requests go and refuses new jobs; the HTTP server closes after this. */
  stopAccepting(): Promise<void>;
  /** Records what has arrived, then closes. What arrives later waits in JetStream. */
  stop(): Promise<void>;
}

/**
 * @param authenticator who knows whom a request comes from; left out: what the settings say
 * @throws KeysFileError
 */
export async function startRouter(
  settings: Settings,
  configuration: Configuration,
  logger: Logger,
  authenticator?: Authenticator,
): Promise<Router> {
  const metrics = new Metrics('router');
  const database = await Database.open(settings.databaseUrl ?? '', {
    applicationName: 'beacon-router',
    poolSize: 16,
    onConnectionFault: (error) =>
      logger.warn({ event: 'database.connection_lost', err: error }, 'a database connection was lost'),
  });
  await database.migrate();
  const { apiKeysFile: path, serviceToken } = settings;
  const keyRing =
    path === undefined ? undefined : await KeyRing.open({ path, database, serviceToken, metrics, logger });
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
  const webhookSecretOf = (tenant: string): string | null =>
    // The tenant `local` has the secret itself, from which all others follow: it is not given out.
    settings.webhookSecret === undefined || tenant === LOCAL_TENANT
      ? null
      : secretOfTenant(settings.webhookSecret, tenant);
  const inForce = new InForce(configuration, logger);
  await inForce.refresh(database);
  const endpoints = new Endpoints(configuration, Date.now(), inForce);
  const topology = await Topology.open(connection);
  ensureStreams = () => topology.ensureStreams(endpoints.regions);
  // NATS may still be opening its store; everything that needs a stream makes it where it is missing.
  await ensureStreams().catch((error: unknown) => {
    logger.warn({ event: 'nats.streams_missing', err: error }, 'streams could not be made yet');
  });

  const journal = new JobJournal(connection, metrics, logger);
  const engine = new Engine({
    database,
    endpoints,
    tickets: new TicketPublisher(connection),
    journal,
    metrics,
    logger,
    inForce,
    releases: new Releases(new EndpointControl(connection, configuration), metrics, logger),
    pricing: ledgerPricingOf(configuration),
    random: Math.random,
  });
  const reconciler = new Reconciler({
    database,
    connection,
    topology,
    callStore: new CallStore(connection),
    endpoints,
    engine,
    journal,
    metrics,
    logger,
    inForce,
  });
  const queueView = new QueueView(database, endpoints);
  const warmKeeper = new WarmKeeper({
    ...{ database, configuration, queueView, inForce, metrics, logger },
    control: new EndpointControl(connection, configuration),
  });
  const ageing = {
    normalMs: configuration.priorities.normal_ageing_s * 1000,
    lowMs: configuration.priorities.low_ageing_s * 1000,
  };
  const jobStatus = new JobStatus(database, queueView, () => inForce.gpuLimit, charter);
  const limitLog = new LimitLog(metrics, logger);
  const placement = new JobPlacement(endpoints, queueView);
  const arrivals = new JobArrivals(engine, queueView, journal, metrics);
  const queueLimits = new QueueLimits(database, () => inForce.configuration.limits);
  const fullQueues = new FullQueues(queueView, limitLog);
  const dailyBudget = new DailyBudget(database);
  const intake = new JobIntake(
    ...([database, endpoints, placement, arrivals, metrics, logger] as const),
    {
      defaults: () => ({
        executionMs: inForce.configuration.timeouts.execution_ms,
        maxAttempts: inForce.retries.maxAttempts,
      }),
      ageing,
    },
    queueLimits,
    fullQueues,
    dailyBudget,
  );
  const controlDesk = new ControlDesk(
    database,
    inForce,
    engine,
    new Withdrawals(database, connection, metrics, logger),
    new ControlJournal(connection, metrics, logger),
  );
  const wakeUps = new WakeUps({ database, endpoints, inForce, arrivals, logger });
  const controlKeeper = new ControlKeeper({
    ...{ database, connection, endpoints, inForce, engine, desk: controlDesk, wakeUps, logger },
  });
  const deadLetters = new DeadLetterReader(database, endpoints);
  const redrive = new Redrive({
    ...{ database, placement, queueLimits, fullQueues, arrivals, metrics, logger, ageing },
    ...{ reader: deadLetters, budget: dailyBudget },
  });
  const erasure = new Erasure({
    ...{ database, topology, metrics, logger },
    callStore: new CallStore(connection),
  });
  const sweeper = new RetentionSweeper(database, erasure, configuration.retention, metrics, logger);
  const desk = new TicketDesk(
    database,
    endpoints,
    engine,
    new CallStore(connection),
    metrics,
    logger,
    configuration.retries.crashes_max,
  );
  subscribe(connection, desk, endpoints, engine, logger);
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
  controlKeeper.start();
  sweeper.start();
  const jobWait = new JobWait(database, journal, jobStatus);
  return {
    ...{ configuration, logger, metrics, database, charter, connection, endpoints, queueView, warmKeeper },
    ...{ intake, jobStatus, jobWait, inForce, controlDesk, keyRing, deadLetters, redrive, erasure },
    cancellation: new Cancellation(database, connection, topology, journal, logger),
    limits: requestLimitsOf(configuration),
    webhookSecrets: [settings.webhookSecret, settings.webhookSecretPrevious].filter(
      (secret) => secret !== undefined,
    ),
    authenticator: authenticator ?? keyRing ?? new OpenDoor(serviceToken),
    keyDesk: new KeyDesk({ database, ring: keyRing, webhookSecretOf, metrics, logger }),
    dailyBudget,
    limitLog,
    rateLimits: new RateLimits(() => inForce.configuration.limits, limitLog),
    stopAccepting: async () => {
      jobWait.stop();
      await intake.close();
    },
    stop: async () => {
      keyRing?.stop();
      queueView.stop();
      await outcomes.stop();
      await controlKeeper.stop();
      await warmKeeper.stop();
      await sweeper.stop();
      await reconciler.stop();
      await engine.stop();
      await connection.drain().catch(() => undefined);
      await charter.close();
      await database.close();
    },
  };
}

/** Every core NATS subscription of the router. */
function subscribe(
  connection: NatsConnection,
  desk: TicketDesk,
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
    (check, message) => {
      desk.check(check).then(
        (reply) => replyJson(message, reply),
        // No answer: the dispatcher asks again. A guess could pay for a call twice.
        (error: unknown) =>
          logger.warn(
            { event: 'ticket.check_failed', job_id: check.job_id, epoch: check.epoch, err: error },
            'a ticket could not be checked',
          ),
      );
    },
    onInvalid,
  );
}
