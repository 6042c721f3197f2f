import {
  discardedManySchema,
  receivedDeadLetterDetailSchema,
  receivedDeadLetterListSchema,
  receivedDeadLetterSchema,
  redrivenManySchema,
  redrivenSchema,
} from '#contracts';
import { Option, type Command } from 'commander';
import type { z } from 'zod';
import { CommandError } from '../command-error.js';
import { EXIT_OK, EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import {
  detailLines,
  discardedLine,
  listLines,
  redrivenLine,
  redrivenManyLines,
} from './dead-letters-view.js';

const DESCRIPTION = 'look after jobs that failed for good';
/** A thousand letters are redriven in one request. */
const TIMEOUT_MS = 120_000;

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

interface ListOptions extends RouterOptions, FilterOptions {
  readonly state?: string;
  readonly limit: string;
  readonly cursor?: string;
}

interface ChangeOptions extends RouterOptions, FilterOptions {
  readonly limit: string;
  readonly all?: boolean;
}

interface DiscardOptions extends ChangeOptions {
  readonly reason: string;
}

export function registerDeadLetters(program: Command, setExitCode: (code: number) => void): void {
  const group = program.command('dead-letters').description(DESCRIPTION);
  const done = (): void => setExitCode(EXIT_OK);

  withFilter(withRouterOptions(group.command('list').description('the latest, newest first')))
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

  withRouterOptions(
    group.command('show').description('one of them with every attempt').argument('<job_id>'),
  ).action(async (id: string, options: RouterOptions) => {
    print(options, await ask(options, pathOf(id), receivedDeadLetterDetailSchema), detailLines);
    done();
  });

  withFilter(
    withRouterOptions(
      group.command('redrive').description('make new jobs of one, or of all that a filter matches'),
    ),
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
    withRouterOptions(
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

function print<T>({ json }: RouterOptions, answer: T, lines: (answer: T) => readonly string[]): void {
  process.stdout.write(`${json === true ? JSON.stringify(answer) : lines(answer).join('\n')}\n`);
}

/** @param body undefined: GET; null: POST without one */
function ask<T extends z.ZodType>(
  options: RouterOptions,
  path: string,
  answer: T,
  body?: unknown,
): Promise<z.infer<T>> {
  const method = body === undefined ? 'GET' : 'POST';
  const content = body === undefined || body === null ? {} : { body };
  return askRouter(options, { method, path, answer, timeoutMs: TIMEOUT_MS, ...content });
}
