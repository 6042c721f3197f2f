import 'reflect-metadata';
import { ConfigurationError, loadConfiguration, loadSettings } from '#config';
import { announceReady, createLogger, exitAtFault, superviseSelf } from '#observability';
import { NestFactory } from '@nestjs/core';
import { UNKNOWN_COSTS, runCostsOf } from './run-costs.js';
import { RunSupervisor } from './run-supervisor.js';
import { RunnerModule } from './runner.module.js';
import { WebhookSender } from './webhooks/webhook-sender.js';

const EXIT_CONFIGURATION = 78;

async function main(): Promise<void> {
  const settings = loadSettings(process.env);
  const { configPath, databaseUrl, natsUrl, routerUrl, webhookSecret, webhookSecretPrevious, serviceToken } =
    settings;
  if (databaseUrl === undefined || natsUrl === undefined || routerUrl === undefined) {
    throw new ConfigurationError('environment', ['the runner needs DATABASE_URL, NATS_URL and BEACON_URL']);
  }
  // Rows say what is to be run, the configuration what it costs and where webhooks may go.
  const configuration = configPath === undefined ? undefined : loadConfiguration(configPath);
  const costs = configuration === undefined ? UNKNOWN_COSTS : runCostsOf(configuration);
  const logger = createLogger('runner', settings.logLevel);
  exitAtFault(logger);
  const app = await NestFactory.createApplicationContext(
    RunnerModule.register(
      {
        ...{ databaseUrl, natsUrl, routerUrl, serviceToken, costs },
        tracing: settings.tracing,
        webhookSecrets: [webhookSecret, webhookSecretPrevious].filter((secret) => secret !== undefined),
        webhookAddresses: {
          allowPrivateAddresses: configuration?.webhooks.allow_private_addresses ?? false,
          allowedHosts: configuration?.webhooks.allowed_hosts ?? [],
        },
      },
      logger,
    ),
    { logger: false, abortOnError: false },
  );
  superviseSelf(logger, () => app.close());
  app.get(RunSupervisor).start();
  app.get(WebhookSender).start();
  announceReady();
  logger.info({ event: 'process.ready' }, 'runner drives runs');
}

main().catch((error: unknown) => {
  process.stderr.write(`beacon runner: ${error instanceof Error ? error.message : 'could not start'}\n`);
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIGURATION : 1);
});
