import {
  discardedManySchema,
  receivedDeadLetterDetailSchema,
  receivedDeadLetterListSchema,
  receivedDeadLetterSchema,
  redrivenManySchema,
  redrivenSchema,
} from '#contracts';
import type { BodyOf, QueryOf } from '#router-client';
import { Option, type Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { print } from '../terminal/output.js';
import {
  detailLines,
  discardedLine,
  listLines,
  redrivenLine,
  redrivenManyLines,
} from './dead-letters-view.js';

const DEAD_LETTER_STATES = ['open', 'redriven', 'discarded'] as const;
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
  readonly state?: (typeof DEAD_LETTER_STATES)[number];
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

export function registerDeadLetters(program: Command): void {
  const group = program.command('dead-letters').description(DESCRIPTION);
  const pathTo = (id: string) => ({ params: { path: { job_id: id } } });

  withFilter(withRouterOptions(group.command('list').description('the latest, newest first')))
    .addOption(new Option('--state <state>').choices(DEAD_LETTER_STATES))
    .option('--limit <number>', 'how many', '50')
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(async (options: ListOptions) => {
      const { state, cursor } = options;
      const { poison, ...filter } = filterOf(options);
      const query: QueryOf<'/dead-letters', 'get'> = {
        ...{ limit: Number(options.limit), ...filter },
        ...(poison === true ? { poison: 'true' as const } : {}),
        ...(state === undefined ? {} : { state }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const list = await askRouter(
        options,
        (router) => router.GET('/dead-letters', { params: { query } }),
        receivedDeadLetterListSchema,
      );
      print(options, list, listLines);
    });

  withRouterOptions(
    group.command('show').description('one of them with every attempt').argument('<job_id>'),
  ).action(async (id: string, options: RouterOptions) => {
    const letter = await askRouter(
      options,
      (router) => router.GET('/dead-letters/{job_id}', pathTo(id)),
      receivedDeadLetterDetailSchema,
    );
    print(options, letter, detailLines);
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
        const redriven = await askRouter(
          options,
          (router) => router.POST('/dead-letters/redrive', { body }),
          redrivenManySchema,
          { timeoutMs: TIMEOUT_MS },
        );
        print(options, redriven, redrivenManyLines);
      } else {
        const redriven = await askRouter(
          options,
          (router) => router.POST('/dead-letters/{job_id}/redrive', pathTo(id)),
          redrivenSchema,
        );
        print(options, redriven, redrivenLine);
      }
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
        const discarded = await askRouter(
          options,
          (router) => router.POST('/dead-letters/discard', { body }),
          discardedManySchema,
          { timeoutMs: TIMEOUT_MS },
        );
        print(options, discarded, discardedLine);
      } else {
        const letter = await askRouter(
          options,
          (router) => router.POST('/dead-letters/{job_id}/discard', { ...pathTo(id), body: { reason } }),
          receivedDeadLetterSchema,
        );
        print(options, letter, ({ job_id }) => [`${job_id} is discarded`]);
      }
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

type Filter = BodyOf<'/dead-letters/redrive', 'post'>['filter'] & object;

function filterOf(options: FilterOptions): Filter {
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
function requireFilter(options: ChangeOptions): Filter {
  const filter = filterOf(options);
  if (Object.keys(filter).length === 0 && options.all !== true)
    throw new CommandError('name a job, give a filter such as --code, or say --all', EXIT_USAGE);
  return filter;
}
