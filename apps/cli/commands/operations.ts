import { changedSchema, operationsSchema, orderedSchema } from '#contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { CommandError } from '../command-error.js';
import { EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { print } from '../terminal/output.js';
import { printable } from '../terminal/text-table.js';
import { changedLines, operationsLines, orderedLines } from './operations-view.js';

const ORDERS = {
  pause:
    'admit nothing new at an endpoint or in a region; what has not begun waits again, calls in flight end',
  drain: 'pause it, and say whether anything is in flight still',
  resume: 'end the pause of an endpoint or a region',
  warm: 'wake a container of an endpoint, or of each in a region, and keep it for a time',
} as const;
/** Of more than these a list says how many there are. */
const NAMES_SHOWN = 8;
type OrderName = keyof typeof ORDERS;

interface OrderOptions extends RouterOptions {
  readonly region?: boolean;
  readonly reason?: string;
  readonly for?: string;
  readonly release?: boolean;
}

/** Which endpoints and regions there are, of what `GET /queue/status` says. */
const namesSchema = z.object({
  regions: z.record(z.string(), z.object({ endpoints: z.array(z.object({ id: z.string() })) })),
});

export function registerOperations(program: Command): void {
  withRouterOptions(
    program.command('operations').description('show what operators have changed: pauses, modes, settings'),
  ).action(async (options: RouterOptions) => {
    print(
      options,
      await askRouter(options, (router) => router.GET('/operations'), operationsSchema),
      operationsLines,
    );
  });

  for (const [name, description] of Object.entries(ORDERS) as [OrderName, string][]) {
    const command = withRouterOptions(program.command(name).description(description))
      .argument('<target>', 'id of an endpoint, or name or alias of a region')
      .option('--region', 'the target is a region, although an endpoint has the same name')
      .option('--reason <text>', 'why; kept in the audit log');
    if (name !== 'resume') command.option('--for <seconds>', 'it ends by itself after so many seconds');
    if (name === 'drain') command.option('--release', 'give the idle container up once nothing is in flight');
    command.action(async (target: string, options: OrderOptions) => {
      print(options, await order(name, target, options), (answer) => orderedLines(name, answer));
    });
  }

  withRouterOptions(
    program
      .command('undo')
      .description('take a change back: restore what was in force before it')
      .argument('[change]', 'number of the change; left out: the latest that nobody has taken back')
      .option('--reason <text>', 'why; kept in the audit log'),
  ).action(async (change: string | undefined, options: OrderOptions) => {
    const id = change ?? 'latest';
    if (!/^(latest|[1-9]\d{0,14})$/.test(id))
      throw new CommandError('the change is to be named by its number', EXIT_USAGE);
    const undone = await askRouter(
      options,
      (router) =>
        router.POST('/operations/changes/{id}/undo', {
          ...{ params: { path: { id } }, body: bodyOf(options) },
        }),
      changedSchema,
    );
    print(options, undone, changedLines);
  });
}

/** An endpoint where there is one of that name: their names are the configuration's, and regions have aliases. */
async function order(name: OrderName, target: string, options: OrderOptions) {
  const body = bodyOf(options);
  const names = options.region === true ? undefined : await namesOf(options);
  const isEndpoint = names?.endpoints.includes(target) === true;
  try {
    return await askRouter(
      options,
      (router) =>
        isEndpoint
          ? router.POST(`/endpoints/{id}/${name}`, { params: { path: { id: target } }, body })
          : router.POST(`/regions/{region}/${name}`, { params: { path: { region: target } }, body }),
      orderedSchema,
    );
  } catch (error) {
    if (names === undefined || !(error instanceof CommandError) || error.problem?.code !== 'UNKNOWN_REGION')
      throw error;
    // The router was asked for a region, as it is no endpoint: whoever named an endpoint hears of those too.
    const message = `refused (UNKNOWN_REGION): ${printable(target)} is neither an endpoint (${someOf(names.endpoints)}) nor a region or an alias of one (${someOf(names.regions)})`;
    throw new CommandError(message, error.exitCode, { cause: error, problem: error.problem });
  }
}

interface Names {
  readonly endpoints: readonly string[];
  readonly regions: readonly string[];
}

async function namesOf(options: OrderOptions): Promise<Names> {
  const { answer } = await askRouter(options, (router) => router.GET('/queue/status'), namesSchema);
  return {
    endpoints: Object.values(answer.regions).flatMap(({ endpoints }) => endpoints.map(({ id }) => id)),
    regions: Object.keys(answer.regions),
  };
}

function someOf(names: readonly string[]): string {
  const left = names.length - NAMES_SHOWN;
  const shown = names.slice(0, NAMES_SHOWN).map(printable).join(', ');
  return left > 0 ? `${shown} and ${left} more` : shown;
}

function bodyOf({ reason, for: seconds, release }: OrderOptions): object {
  const forS = seconds === undefined ? undefined : Number(seconds);
  if (forS !== undefined && !(forS > 0))
    throw new CommandError('--for is to be a number of seconds', EXIT_USAGE);
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(forS === undefined ? {} : { for_s: forS }),
    ...(release === true ? { release } : {}),
  };
}
