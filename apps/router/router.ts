import type { Configuration, Settings } from '#config';
import type { RequestLimits } from '#contracts';
import { CallStore, TicketPublisher, type NatsConnection } from '#messaging';
import { LOCAL_TENANT } from '#domain';
import { Metrics, startTracing, type Logger, type Tracing } from '#observability';
import type { CharterDatabase, Database } from '#persistence';
import { secretOfTenant } from '#webhooks';
import type { Authenticator } from './access/guard-routes.js';
import { KeyRing } from './access/key-ring.js';
import { OpenDoor } from './access/service-token.js';
import { DeadLetterReader } from './dead-letters/dead-letter-reader.js';
import { Redrive } from './dead-letters/redrive.js';
import { openCharterDatabase, openDatabase, openNats } from './connections.js';
import { hearDispatchers, takeOutcomes } from './engine/hear-dispatchers.js';
import { Endpoints } from './engine/endpoints.js';
import { Engine } from './engine/engine.js';
import { JobArrivals } from './engine/job-arrivals.js';
import { JobJournal } from './engine/job-journal.js';
import { EndpointControl } from './engine/endpoint-control.js';
import { Releases } from './engine/releases.js';
import { Reconciler } from './engine/reconciler.js';
import { TicketDesk } from './engine/ticket-desk.js';
import { WarmKeeper } from './engine/warm-keeper.js';
import { UnkeyedRetries } from './openai/unkeyed-retries.js';
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
import { batchKeeperOf } from './openai/batches/batch-keeper-of.js';
import { BatchJournal } from './openai/batches/batch-journal.js';
import type { BatchKeeper } from './openai/batches/batch-keeper.js';
import { RetentionSweeper } from './retention/retention-sweeper.js';

/** Everything of a router process that controllers use; built in `startRouter`, wired by the module. */
export interface Router {
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
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
  readonly unkeyedRetries: UnkeyedRetries;
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
  readonly batchKeeper: BatchKeeper;
  readonly batchJournal: BatchJournal;
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
  const tracing = await startTracing(settings.tracing, 'router', metrics, logger);
  const database = await openDatabase(settings, logger);
  const { apiKeysFile: path, serviceToken } = settings;
  const keyRing =
    path === undefined ? undefined : await KeyRing.open({ path, database, serviceToken, metrics, logger });
  const charter = await openCharterDatabase(settings, logger);
  const webhookSecretOf = (tenant: string): string | null =>
    // The tenant `local` has the secret itself, from which all others follow: it is not given out.
    settings.webhookSecret === undefined || tenant === LOCAL_TENANT
      ? null
      : secretOfTenant(settings.webhookSecret, tenant);
  const inForce = new InForce(configuration, logger);
  await inForce.refresh(database);
  const endpoints = new Endpoints(configuration, Date.now(), inForce);
  const { connection, topology } = await openNats(settings, endpoints.regions, logger, () =>
    endpoints.listenAnew(Date.now()),
  );
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
    tracing,
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
    tracing,
  );
  const desk = new TicketDesk(
    database,
    endpoints,
    engine,
    new CallStore(connection),
    metrics,
    logger,
    configuration.retries.crashes_max,
  );
  const controlDesk = new ControlDesk(
    database,
    inForce,
    engine,
    new Withdrawals(database, connection, desk, metrics, logger),
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
  hearDispatchers({ connection, desk, endpoints, engine, logger });
  const outcomes = takeOutcomes({ connection, topology, endpoints, engine, logger });
  const cancellation = new Cancellation(database, connection, topology, journal, logger);
  const batchJournal = new BatchJournal(metrics, logger);
  const batchKeeper = batchKeeperOf({
    ...{ configuration, database, endpoints, placement, intake, cancellation, keyRing, metrics, logger },
    journal: batchJournal,
  });
  engine.poke();
  batchKeeper.start();
  reconciler.start();
  warmKeeper.start();
  controlKeeper.start();
  sweeper.start();
  const jobWait = new JobWait(database, journal, jobStatus);
  const unkeyedRetries = new UnkeyedRetries({ database, cancellation, metrics, logger });
  unkeyedRetries.start();
  return {
    ...{
      configuration,
      logger,
      metrics,
      tracing,
      database,
      charter,
      connection,
      endpoints,
      queueView,
      warmKeeper,
    },
    ...{ intake, jobStatus, jobWait, inForce, controlDesk, keyRing, deadLetters, redrive, erasure },
    ...{ cancellation, batchKeeper, batchJournal, unkeyedRetries },
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
      await batchKeeper.stop();
      await unkeyedRetries.stop();
      await outcomes.stop();
      await controlKeeper.stop();
      await warmKeeper.stop();
      await sweeper.stop();
      await reconciler.stop();
      await engine.stop();
      await connection.drain().catch(() => connection.close());
      await charter.close();
      await database.close();
      await tracing.stop();
    },
  };
}
