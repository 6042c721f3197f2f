import 'reflect-metadata';
import { ConfigurationError, loadConfiguration, loadSettings } from '#config';
import { announceReady, createLogger, superviseSelf } from '#observability';
import { NestFactory } from '@nestjs/core';
import { RunSupervisor } from './run-supervisor.js';
import { RunnerModule } from './runner.module.js';
import { WebhookSender } from './webhooks/webhook-sender.js';

const EXIT_CONFIGURATION = 78;

async function main(): Promise<void> {
  const settings = loadSettings(process.env);
  const { configPath, databaseUrl, natsUrl, routerUrl, webhookSecret } = settings;
  if (databaseUrl === undefined || natsUrl === undefined || routerUrl === undefined) {
    throw new ConfigurationError('environment', ['the runner needs DATABASE_URL, NATS_URL and BEACON_URL']);
  }
  // A run's rows say nearly all that the runner needs; a configuration that is wrong should stop every process alike.
  const configuration = configPath === undefined ? undefined : loadConfiguration(configPath);
  const logger = createLogger('runner', settings.logLevel);
  const app = await NestFactory.createApplicationContext(
    RunnerModule.register(
      {
        ...{ databaseUrl, natsUrl, routerUrl, webhookSecret },
        allowPrivateWebhooks: configuration?.webhooks.allow_private_addresses ?? false,
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
