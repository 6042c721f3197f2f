import { constants } from 'node:os';
import { REQUESTED_ORDERS, type RequestedOrder } from '#domain';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { exitCodeOf, messageOf } from '../command-error.js';
import { DEMO_SEED } from '../demo/experiment.js';
import { DemoFolder } from '../demo/demo-folder.js';
import { Display } from '../demo/display.js';
import { reportLines, runDemo, summaryLine, type DemoResult } from '../demo/run-demo.js';
import { summaryJson } from '../demo/summary-json.js';
import { EXIT_FAILED, EXIT_OK, EXIT_SIGNAL, EXIT_UNAVAILABLE } from '../exit-codes.js';
import type { Platform } from '../platform/platform.js';
import { StopSignals } from './stop-signals.js';

interface DemoCommandOptions {
  readonly keep?: boolean;
  readonly seed: number;
  readonly order: RequestedOrder;
  readonly json?: boolean;
}

const DESCRIPTION =
  'the main job on this machine, from a start to 64 answers: eight questions to three models in three regions, ' +
  'against a local stand-in for Modal with cold starts and injected failures; answers are simulated, ' +
  'and nothing that is set for a real Beacon is used';

/** A start that has to fetch a nats-server over a slow line, and the run. Whatever takes longer hangs. */
const TIME_LIMIT_MS = 240_000;
const SEED_MAX = 4_294_967_295;

export function registerDemo(program: Command, setExitCode: (code: number) => void): void {
  const order = new Option('--order <order>', 'in which order the cells are asked')
    .choices(REQUESTED_ORDERS)
    .default('auto');
  program
    .command('demo')
    .description(DESCRIPTION)
    .option('--seed <number>', 'decides cold starts and failures', parseSeed, DEMO_SEED)
    .addOption(order)
    .option('--keep', 'keep the temporary folder with data and log')
    .option('--json', 'a summary for machines on stdout; words for people go to stderr')
    .allowExcessArguments(false)
    .action(async (options: DemoCommandOptions) => setExitCode(await demo(options)));
}

function parseSeed(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (seed <= SEED_MAX) return seed;
  throw new InvalidArgumentError(`must be a whole number from 0 to ${SEED_MAX}.`);
}

async function demo(options: DemoCommandOptions): Promise<number> {
  const startedMs = performance.now();
  const signals = new StopSignals();
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  // Whoever read our output may go away; what has been started is stopped in order all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const display = new Display(options.json === true ? process.stderr : process.stdout, process.env);
  const folder = await DemoFolder.create();
  let platform: Platform | undefined;
  void signals.receivedAgain.then(() => platform?.kill());
  let result: DemoResult | undefined;
  let failure: unknown;
  try {
    result = await runDemo({
      ...{ seed: options.seed, order: options.order, environment: process.env, folder, display },
      signal: AbortSignal.any([signals.first, limit]),
      onPlatform: (started) => (platform = started),
    });
  } catch (error) {
    failure = error;
  }
  await folder.close();
  if (signals.first.aborted) {
    await leave(folder, options.keep === true, display);
    display.say('Stopped. Nothing is left running.');
    return EXIT_SIGNAL + constants.signals[await signals.received];
  }
  if (result === undefined) return failed(failure, limit.aborted, folder, display);
  const totalS = (performance.now() - startedMs) / 1000;
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(summaryJson(result, options.seed, totalS))}\n`);
  } else {
    display.say(...reportLines(result, display));
  }
  display.say('', summaryLine(result, totalS));
  if (result.isComplete) {
    await leave(folder, options.keep === true, display);
    return EXIT_OK;
  }
  explain(folder, display);
  return EXIT_FAILED;
}

/** @throws the failure itself, whose message is then the command's */
async function failed(
  failure: unknown,
  timedOut: boolean,
  folder: DemoFolder,
  display: Display,
): Promise<number> {
  const code = timedOut ? EXIT_FAILED : exitCodeOf(failure);
  if (code === EXIT_UNAVAILABLE) {
    // Nothing has run: what is missing is said in one line, and there is nothing to look at.
    await folder.remove();
    throw failure;
  }
  explain(folder, display);
  const message = timedOut
    ? `the demo did not end within ${TIME_LIMIT_MS / 1000} s; everything has been stopped`
    : messageOf(failure);
  process.stderr.write(`beacon: ${message}\n`);
  return code;
}

function explain(folder: DemoFolder, display: Display): void {
  display.say('', `The last lines of ${folder.logPath}:`, ...folder.lastLines, '');
  display.say(`Data and log are kept in ${folder.path}`);
}

async function leave(folder: DemoFolder, keep: boolean, display: Display): Promise<void> {
  if (keep) display.say(`Data and log are kept in ${folder.path}`);
  else await folder.remove();
}
