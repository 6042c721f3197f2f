import { ConfigurationError, LOG_LEVELS, type LogLevel } from '#config';
import { announceReady, createLogger, exitAtFault, superviseSelf } from '#observability';
import { stringify } from 'yaml';
import { USAGE, parseCommandLine, type Command } from './command-line.js';
import { loadRealModel } from './engine/real-model/load-real-model.js';
import { RealModelError } from './engine/real-model/real-model-error.js';
import { serveStandIn } from './serve.js';
import { StandIn } from './stand-in.js';

/** Exit code of a wrong argument or configuration. */
const EXIT_USAGE = 2;
/** Exit code where the real model cannot be loaded (after sysexits.h). */
const EXIT_UNAVAILABLE = 69;

try {
  await run(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  if (error instanceof RealModelError) {
    process.stderr.write(`${error.message}\n`);
    // Threads of a model that was loaded in part would keep the process.
    process.exit(EXIT_UNAVAILABLE);
  }
  if (!(error instanceof ConfigurationError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = EXIT_USAGE;
}

async function run(command: Command): Promise<void> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(`${USAGE}\n`);
      return;
    case 'print':
      process.stdout.write(stringify(command.configuration));
      return;
    case 'serve':
      return serve(command);
  }
}

async function serve({
  configuration,
  host,
  port,
  realModelFolder,
}: Command & { kind: 'serve' }): Promise<void> {
  const logger = createLogger('modal-stand-in', logLevel());
  exitAtFault(logger);
  const real = realModelFolder === undefined ? undefined : await loadRealModel(realModelFolder);
  const standIn = new StandIn(configuration, real === undefined ? {} : { engine: real.engine });
  const served = await serveStandIn(standIn, { host, port }).catch(async (error: unknown) => {
    await real?.engine.dispose();
    throw cannotListen(error, `${host}:${port}`);
  });
  superviseSelf(logger, async () => {
    await served.close();
    await real?.engine.dispose();
  });
  logger.info(
    {
      event: 'stand_in.ready',
      url: served.url,
      endpoints: configuration.endpoints.length,
      gpus: configuration.gpus,
      time_scale: configuration.time_scale,
      seed: configuration.seed,
      model_revision: real?.revision ?? 'simulated',
    },
    'the stand-in accepts calls',
  );
  announceReady({ url: served.url });
  process.stdout.write(`${JSON.stringify({ event: 'ready', url: served.url })}\n`);
}

/** An address that is taken or not ours is the caller's mistake; anything else is a fault. */
function cannotListen(error: unknown, address: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL' && code !== 'EACCES') return error;
  return new ConfigurationError('command line', [`cannot listen on ${address} (${code})`]);
}

function logLevel(): LogLevel {
  const given = process.env['LOG_LEVEL'];
  if (given === undefined || given === '') return 'info';
  const level = LOG_LEVELS.find((known) => known === given);
  if (level === undefined) {
    throw new ConfigurationError('environment', [`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`]);
  }
  return level;
}
