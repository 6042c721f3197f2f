import { constants } from 'node:os';
import type { Command } from 'commander';
import { EXIT_OK, EXIT_SIGNAL } from '../exit-codes.js';
import { projectToolDir } from '../installation.js';
import { fetchRealModel } from '../real-model/fetch-real-model.js';
import { StopSignals } from './stop-signals.js';

const DESCRIPTION =
  'fetch the real small language model, unless it is here already, and print the folder it is in: ' +
  'for the stand-in on its own, or before going where there is no network';

export function registerFetchModel(program: Command, setExitCode: (code: number) => void): void {
  program
    .command('fetch-model')
    .description(DESCRIPTION)
    .allowExcessArguments(false)
    .action(async () => setExitCode(await fetchModel()));
}

async function fetchModel(): Promise<number> {
  const signals = new StopSignals();
  try {
    const folder = await fetchRealModel({
      environment: process.env,
      toolDirs: [projectToolDir()],
      report: (line) => process.stderr.write(`${line}\n`),
      signal: signals.first,
    });
    process.stdout.write(`${folder}\n`);
    return EXIT_OK;
  } catch (error) {
    if (!signals.first.aborted) throw error;
    return EXIT_SIGNAL + constants.signals[await signals.received];
  }
}
