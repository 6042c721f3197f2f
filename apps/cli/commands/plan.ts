import { readFile } from 'node:fs/promises';
import { runForecastSchema, type RunForecastView } from '#contracts';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { CommandError } from '../command-error.js';
import { EXIT_OK, EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { planLines } from './plan-view.js';

const DESCRIPTION =
  'say what a run would take before it costs anything: time, cost, cold starts and GPUs in each order; ' +
  'FILE is the body of POST /runs in JSON or YAML, and nothing runs';

export function registerPlan(program: Command, setExitCode: (code: number) => void): void {
  const command = program
    .command('plan')
    .description(DESCRIPTION)
    .argument('<file>', 'the run; deadline_s and budget_usd may be added');
  withRouterOptions(command).action(async (file: string, { json, ...router }: RouterOptions) => {
    const plan = await requestPlan(router, await readRun(file));
    const text = json === true ? JSON.stringify(plan) : planLines(plan).join('\n');
    process.stdout.write(`${text}\n`);
    setExitCode(EXIT_OK);
  });
}

async function readRun(file: string): Promise<unknown> {
  try {
    return parseYaml(await readFile(file, 'utf8')) as unknown;
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${firstLineOf(error as Error)}`, EXIT_USAGE, {
      cause: error,
    });
  }
}

/** @throws CommandError */
export function requestPlan(options: RouterOptions, run: unknown): Promise<RunForecastView> {
  return askRouter(options, {
    method: 'POST',
    path: 'runs/plan',
    body: run ?? null,
    answer: runForecastSchema,
    refused: 'the run is refused',
  });
}

function firstLineOf({ message }: Error): string {
  return message.split('\n')[0] ?? '';
}
