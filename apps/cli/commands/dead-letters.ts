import { readFile } from 'node:fs/promises';
import { DEFAULT_PORT } from '#config';
import {
  discardedManySchema,
  problemSchema,
  receivedDeadLetterDetailSchema,
  receivedDeadLetterListSchema,
  receivedDeadLetterSchema,
  redrivenManySchema,
  redrivenSchema,
} from '#contracts';
import { Option, type Command } from 'commander';
import type { z } from 'zod';
import { CommandError, messageOf } from '../command-error.js';
import { printable } from '../demo/text-table.js';
import { EXIT_FAILED, EXIT_NO_INPUT, EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE } from '../exit-codes.js';
import {
  detailLines,
  discardedLine,
  listLines,
  redrivenLine,
  redrivenManyLines,
} from './dead-letters-view.js';

const DESCRIPTION = 'look after jobs that failed for good';
const REQUEST_TIMEOUT_MS = 120_000;

interface ServerOptions {
  readonly url: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

interface FilterOptions {
  readonly code?: string;
  readonly region?: string;
  readonly model?: string;
  readonly endpoint?: string;
  readonly taskType?: string;
  readonly tenant?: string;
  readonly run?: string;
  readonly since?: string;
  readonly until?: string;
  readonly poison?: boolean;
}

interface ListOptions extends ServerOptions, FilterOptions {
  readonly state?: string;
  readonly limit: string;
  readonly cursor?: string;
}

interface ChangeOptions extends ServerOptions, FilterOptions {
  readonly limit: string;
  readonly all?: boolean;
}

interface DiscardOptions extends ChangeOptions {
  readonly reason: string;
}

export function registerDeadLetters(program: Command, setExitCode: (code: number) => void): void {
  const group = program.command('dead-letters').description(DESCRIPTION);
  const done = (): void => setExitCode(EXIT_OK);

  withFilter(withServer(group.command('list').description('the latest, newest first')))
    .addOption(new Option('--state <state>').choices(['open', 'redriven', 'discarded']))
    .option('--limit <number>', 'how many', '50')
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(async (options: ListOptions) => {
      const query = new URLSearchParams({ limit: options.limit });
      for (const [name, value] of Object.entries(filterOf(options))) query.set(name, String(value));
      if (options.state !== undefined) query.set('state', options.state);
      if (options.cursor !== undefined) query.set('cursor', options.cursor);
      print(
        options,
        await ask(options, `dead-letters?${query.toString()}`, receivedDeadLetterListSchema),
        listLines,
      );
      done();
    });

  withServer(group.command('show').description('one of them with every attempt').argument('<job_id>')).action(
    async (id: string, options: ServerOptions) => {
      print(options, await ask(options, pathOf(id), receivedDeadLetterDetailSchema), detailLines);
      done();
    },
  );

  withFilter(
    withServer(group.command('redrive').description('make new jobs of one, or of all that a filter matches')),
  )
    .argument('[job_id]')
    .option('--all', 'whatever it is, where there is no filter')
    .option('--limit <number>', 'look at so many at most', '100')
    .action(async (id: string | undefined, options: ChangeOptions) => {
      if (id === undefined) {
        const body = { filter: requireFilter(options), limit: Number(options.limit) };
        print(
          options,
          await ask(options, 'dead-letters/redrive', redrivenManySchema, body),
          redrivenManyLines,
        );
      } else {
        const redriven = await ask(options, `${pathOf(id)}/redrive`, redrivenSchema, null);
        print(options, redriven, redrivenLine);
      }
      done();
    });

  withFilter(
    withServer(
      group.command('discard').description('give one up, or all that a filter matches; they stay on record'),
    ),
  )
    .argument('[job_id]')
    .requiredOption('--reason <text>', 'kept with it')
    .option('--all', 'whatever it is, where there is no filter')
    .option('--limit <number>', 'so many at most', '100')
    .action(async (id: string | undefined, options: DiscardOptions) => {
      const { reason } = options;
      if (id === undefined) {
        const body = { filter: requireFilter(options), limit: Number(options.limit), reason };
        print(options, await ask(options, 'dead-letters/discard', discardedManySchema, body), discardedLine);
      } else {
        const letter = await ask(options, `${pathOf(id)}/discard`, receivedDeadLetterSchema, { reason });
        print(options, letter, ({ job_id }) => [`${job_id} is discarded`]);
      }
      done();
    });
}

function withServer(command: Command): Command {
  return command
    .option('--url <url>', 'a running router', `http://127.0.0.1:${DEFAULT_PORT}`)
    .option('--key-file <file>', 'a file with the API key; otherwise BEACON_API_KEY is used, where it is set')
    .option('--json', 'print what the router answers')
    .allowExcessArguments(false);
}

function withFilter(command: Command): Command {
  return command
    .option('--code <code>', 'the error code')
    .option('--region <region>', 'where the last attempt was made')
    .option('--model <model>')
    .option('--endpoint <id>', 'needs the role operate')
    .option('--task-type <type>')
    .option('--tenant <tenant>', 'needs the role operate, unless it is your own')
    .option('--run <run_id>')
    .option('--since <time>', 'failed then or later, RFC 3339')
    .option('--until <time>', 'failed before, RFC 3339')
    .option('--poison', 'only those whose payload is taken for the cause');
}

function filterOf(options: FilterOptions): Record<string, string | boolean> {
  const { code, region, model, endpoint, taskType, tenant, run, since, until, poison } = options;
  const given = {
    code,
    region,
    model,
    endpoint,
    task_type: taskType,
    tenant,
    run_id: run,
    since,
    until,
    poison,
  };
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Everything at once is asked for in so many words. */
function requireFilter(options: ChangeOptions): Record<string, string | boolean> {
  const filter = filterOf(options);
  if (Object.keys(filter).length === 0 && options.all !== true)
    throw new CommandError('name a job, give a filter such as --code, or say --all', EXIT_USAGE);
  return filter;
}

function pathOf(id: string): string {
  return `dead-letters/${encodeURIComponent(id)}`;
}

function print<T>({ json }: ServerOptions, answer: T, lines: (answer: T) => readonly string[]): void {
  process.stdout.write(`${json === true ? JSON.stringify(answer) : lines(answer).join('\n')}\n`);
}

/**
 * @param body undefined: GET; null: POST without one
 * @throws CommandError where the router cannot be reached, refuses, or answers something else
 */
async function ask<T extends z.ZodType>(
  { url: baseUrl, keyFile }: ServerOptions,
  path: string,
  schema: T,
  body?: unknown,
): Promise<z.infer<T>> {
  if (!URL.canParse(baseUrl)) throw new CommandError('--url is not a URL', EXIT_USAGE);
  const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  const key = await readKey(keyFile);
  let status: number;
  let text: string;
  try {
    const answer = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined || body === null ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined || body === null ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    throw new CommandError(`no router answers at ${url.origin}`, EXIT_UNAVAILABLE, { cause: error });
  }
  const answer = parsedJson(text);
  const parsed = schema.safeParse(answer);
  if (status < 300 && parsed.success) return parsed.data;
  const problem = problemSchema.safeParse(answer);
  if (!problem.success)
    throw new CommandError(`${url.origin} answered ${status}, and not as a router does`, EXIT_FAILED);
  const { code, detail } = problem.data;
  throw new CommandError(`refused (${code}): ${printable(detail)}`, EXIT_FAILED);
}

/** @throws CommandError where the file cannot be read; its contents are never shown */
async function readKey(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return process.env['BEACON_API_KEY']?.trim();
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${messageOf(error)}`, EXIT_NO_INPUT, { cause: error });
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
