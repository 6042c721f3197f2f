import { ConfigurationError, DEFAULT_PORT, loadConfiguration, loadSettings } from '#config';
import { announceReady, createLogger, exitAtFault, superviseSelf } from '#observability';
import { keepHeapSmall } from './heap.js';
import { startRouter } from './router.js';
import { createServer } from './server.js';

const EXIT_CONFIGURATION = 78;

async function main(): Promise<void> {
  const settings = loadSettings(process.env);
  const { configPath, databaseUrl, natsUrl } = settings;
  if (configPath === undefined || databaseUrl === undefined || natsUrl === undefined) {
    throw new ConfigurationError('environment', ['a router needs BEACON_CONFIG, DATABASE_URL and NATS_URL']);
  }
  const configuration = loadConfiguration(configPath);
  const logger = createLogger('router', settings.logLevel);
  exitAtFault(logger);
  const router = await startRouter(settings, configuration, logger);
  const { app } = await createServer(router);
  await app.listen(settings.port ?? DEFAULT_PORT, settings.host);
  superviseSelf(logger, async () => {
    await router.stopAccepting();
    await app.close();
    await router.stop();
  });
  keepHeapSmall();
  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  announceReady({ url });
  logger.info({ event: 'process.ready', url }, 'router accepts jobs');
}

main().catch((error: unknown) => {
  process.stderr.write(`beacon router: ${error instanceof Error ? error.message : 'could not start'}\n`);
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIGURATION : 1);
});
