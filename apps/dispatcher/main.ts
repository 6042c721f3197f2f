import { ConfigurationError, loadConfiguration, loadSettings } from '#config';
import { announceReady, createLogger, exitAtFault, superviseSelf } from '#observability';
import { Dispatcher } from './dispatcher.js';

const EXIT_CONFIGURATION = 78;

async function main(): Promise<void> {
  const settings = loadSettings(process.env);
  const { region, configPath, natsUrl } = settings;
  if (region === undefined || configPath === undefined || natsUrl === undefined) {
    throw new ConfigurationError('environment', [
      'a dispatcher needs BEACON_REGION, BEACON_CONFIG and NATS_URL',
    ]);
  }
  const configuration = loadConfiguration(configPath);
  if (!Object.hasOwn(configuration.regions, region)) {
    throw new ConfigurationError('environment', ["BEACON_REGION is not one of the configuration's regions"]);
  }
  const logger = createLogger(`dispatcher-${region}`, settings.logLevel);
  exitAtFault(logger);
  const dispatcher = await Dispatcher.start(region, settings, configuration, logger, process.env);
  superviseSelf(logger, () => dispatcher.drain());
  announceReady();
  logger.info({ event: 'process.ready', region }, 'dispatcher takes tickets');
}

main().catch((error: unknown) => {
  process.stderr.write(`beacon dispatcher: ${error instanceof Error ? error.message : 'could not start'}\n`);
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIGURATION : 1);
});
