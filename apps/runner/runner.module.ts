import { subjects } from '#contracts';
import { connectNats, replyJson, type NatsConnection } from '#messaging';
import { Metrics, startTracing, type Logger, type Tracing, type TracingOptions } from '#observability';
import { Database } from '#persistence';
import { AddressPolicy, type AddressPolicyOptions } from '#webhooks';
import { Module, type DynamicModule } from '@nestjs/common';
import { natsHints } from './hints.js';
import { RouterClient } from './router-client.js';
import { UNKNOWN_COSTS, type RunCosts } from './run-costs.js';
import { RunSupervisor } from './run-supervisor.js';
import { TracedRouter } from './traced-router.js';
import { WebhookSender } from './webhooks/webhook-sender.js';

const POOL_SIZE = 8;
const CONNECTION = Symbol('NATS connection');
const TRACING = Symbol('tracing');

export interface RunnerSettings {
  readonly databaseUrl: string;
  readonly natsUrl: string;
  readonly routerUrl: string;
  readonly serviceToken?: string | undefined;
  /** Webhooks are signed with each of them, the one in force first; left out or empty: with none. */
  readonly webhookSecrets?: readonly string[];
  /** Left out: the Internet alone. */
  readonly webhookAddresses?: AddressPolicyOptions;
  /** Left out: nothing is known of what calls cost. */
  readonly costs?: RunCosts;
  /** Left out: no traces are recorded. */
  readonly tracing?: TracingOptions | undefined;
}

@Module({})
export class RunnerModule {
  static register(settings: RunnerSettings, logger: Logger): DynamicModule {
    return {
      module: RunnerModule,
      providers: [
        { provide: Metrics, useFactory: () => new Metrics('runner') },
        { provide: Database, useFactory: () => openDatabase(settings.databaseUrl, logger) },
        { provide: CONNECTION, useFactory: () => connect(settings.natsUrl, logger) },
        {
          provide: TRACING,
          inject: [Metrics],
          useFactory: (metrics: Metrics) => startTracing(settings.tracing, 'runner', metrics, logger),
        },
        {
          provide: RunSupervisor,
          inject: [Database, CONNECTION, Metrics, TRACING],
          useFactory: (
            database: Database,
            connection: NatsConnection,
            metrics: Metrics,
            tracing: Tracing,
          ) => {
            answerMetrics(connection, metrics);
            const router = new RouterClient({
              baseUrl: settings.routerUrl,
              serviceToken: settings.serviceToken,
            });
            return new RunSupervisor({
              database,
              router: tracing.isOn ? new TracedRouter(router, tracing) : router,
              hints: natsHints(connection),
              logger,
              metrics,
              costs: settings.costs ?? UNKNOWN_COSTS,
            });
          },
        },
        {
          provide: WebhookSender,
          inject: [Database, Metrics],
          useFactory: (database: Database, metrics: Metrics) =>
            new WebhookSender({
              ...{ database, logger, metrics, secrets: settings.webhookSecrets ?? [] },
              policy: new AddressPolicy(settings.webhookAddresses ?? { allowPrivateAddresses: false }),
            }),
        },
        {
          provide: RunnerShutdown,
          inject: [RunSupervisor, WebhookSender, CONNECTION, Database, TRACING],
          useFactory: (
            supervisor: RunSupervisor,
            sender: WebhookSender,
            connection: NatsConnection,
            database: Database,
            tracing: Tracing,
          ) => new RunnerShutdown(supervisor, sender, connection, database, tracing),
        },
      ],
    };
  }
}

/** Ends things in the order in which they need each other. */
export class RunnerShutdown {
  constructor(
    private readonly supervisor: RunSupervisor,
    private readonly sender: WebhookSender,
    private readonly connection: NatsConnection,
    private readonly database: Database,
    private readonly tracing: Tracing,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.supervisor.stop();
    await this.sender.stop();
    await this.connection.close();
    await this.database.close();
    await this.tracing.stop();
  }
}

async function openDatabase(url: string, logger: Logger): Promise<Database> {
  const database = await Database.open(url, {
    applicationName: 'beacon-runner',
    poolSize: POOL_SIZE,
    onConnectionFault: (error) =>
      logger.warn({ event: 'database.connection_fault', err: error }, 'connection lost'),
  });
  await database.migrate();
  return database;
}

function connect(url: string, logger: Logger): Promise<NatsConnection> {
  return connectNats({
    url,
    name: 'beacon-runner',
    onReconnect: () => logger.info({ event: 'nats.reconnected' }, 'NATS is back'),
    onDisconnect: () => logger.warn({ event: 'nats.disconnected' }, 'NATS is away; polling goes on'),
  });
}

/** The router asks for the metrics of every process when it is scraped. */
function answerMetrics(connection: NatsConnection, metrics: Metrics): void {
  connection.subscribe(subjects.METRICS, {
    callback: (_error, message) => {
      void metrics.snapshot().then((snapshot) => replyJson(message, snapshot));
    },
  });
}
