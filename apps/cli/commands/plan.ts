import { readFile } from 'node:fs/promises';
import { DEFAULT_PORT } from '#config';
import { problemSchema, runForecastSchema, type RunForecastView } from '#contracts';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { CommandError } from '../command-error.js';
import { printable } from '../demo/text-table.js';
import { EXIT_FAILED, EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE } from '../exit-codes.js';
import { planLines } from './plan-view.js';

const DESCRIPTION =
  'say what a run would take before it costs anything: time, cost, cold starts and GPUs in each order; ' +
  'FILE is the body of POST /runs in JSON or YAML, and nothing runs';
const REQUEST_TIMEOUT_MS = 30_000;

interface PlanOptions {
  readonly url: string;
  readonly json?: boolean;
}

export function registerPlan(program: Command, setExitCode: (code: number) => void): void {
  program
    .command('plan')
    .description(DESCRIPTION)
    .argument('<file>', 'the run; deadline_s and budget_usd may be added')
    .option('--url <url>', 'a running router', `http://127.0.0.1:${DEFAULT_PORT}`)
    .option('--json', 'print what the router answers')
    .allowExcessArguments(false)
    .action(async (file: string, { url, json }: PlanOptions) => {
      const plan = await requestPlan(url, await readRun(file));
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

/** @throws CommandError where the router cannot be reached, refuses the run, or answers something else */
export async function requestPlan(baseUrl: string, run: unknown): Promise<RunForecastView> {
  if (!URL.canParse(baseUrl)) throw new CommandError('--url is not a URL', EXIT_USAGE);
  const url = new URL('runs/plan', baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  let status: number;
  let text: string;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(run ?? null),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    throw new CommandError(`no router answers at ${url.origin}`, EXIT_UNAVAILABLE, { cause: error });
  }
  const body = parsedJson(text);
  const plan = runForecastSchema.safeParse(body);
  if (status === 200 && plan.success) return plan.data;
  const problem = problemSchema.safeParse(body);
  if (!problem.success) {
    throw new CommandError(`${url.origin} answered ${status}, and not as a router does`, EXIT_FAILED);
  }
  const { code, title, detail } = problem.data;
  throw new CommandError(`the run is refused (${code}): ${printable(detail ?? title)}`, EXIT_FAILED);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function firstLineOf({ message }: Error): string {
  return message.split('\n')[0] ?? '';
}
