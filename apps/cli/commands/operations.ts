import { changedSchema, operationsSchema, orderedSchema } from '#contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { CommandError } from '../command-error.js';
import { EXIT_OK, EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { changedLines, operationsLines, orderedLines } from './operations-view.js';

const ORDERS = {
  pause:
    'admit nothing new at an endpoint or in a region; what has not begun waits again, calls in flight end',
  drain: 'pause it, and say whether anything is in flight still',
  resume: 'end the pause of an endpoint or a region',
  warm: 'wake a container of an endpoint, or of each in a region, and keep it for a time',
} as const;
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

export function registerOperations(program: Command, setExitCode: (code: number) => void): void {
  const print = (options: RouterOptions, answer: unknown, lines: readonly string[]): void => {
    process.stdout.write(`${options.json === true ? JSON.stringify(answer) : lines.join('\n')}\n`);
    setExitCode(EXIT_OK);
  };

  withRouterOptions(
    program.command('operations').description('show what operators have changed: pauses, modes, settings'),
  ).action(async (options: RouterOptions) => {
    const answer = await askRouter(options, { method: 'GET', path: 'operations', answer: operationsSchema });
    print(options, answer, operationsLines(answer));
  });

  for (const [name, description] of Object.entries(ORDERS) as [OrderName, string][]) {
    const command = withRouterOptions(program.command(name).description(description))
      .argument('<target>', 'id of an endpoint, or name or alias of a region')
      .option('--region', 'the target is a region, although an endpoint has the same name')
      .option('--reason <text>', 'why; kept in the audit log');
    if (name !== 'resume') command.option('--for <seconds>', 'it ends by itself after so many seconds');
    if (name === 'drain') command.option('--release', 'give the idle container up once nothing is in flight');
    command.action(async (target: string, options: OrderOptions) => {
      const path = `${await pathOf(target, options)}/${name}`;
      const answer = await askRouter(options, {
        ...{ method: 'POST', path, body: bodyOf(options), answer: orderedSchema },
      });
      print(options, answer, orderedLines(name, answer));
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
    const answer = await askRouter(options, {
      ...{ method: 'POST', path: `operations/changes/${id}/undo` },
      ...{ body: bodyOf(options), answer: changedSchema },
    });
    print(options, answer, changedLines(answer));
  });
}

/** An endpoint where there is one of that name: their names are the configuration's, and regions have aliases. */
async function pathOf(target: string, options: OrderOptions): Promise<string> {
  const name = encodeURIComponent(target);
  if (options.region === true) return `regions/${name}`;
  const { regions } = await askRouter(options, { method: 'GET', path: 'queue/status', answer: namesSchema });
  const isEndpoint = Object.values(regions).some(({ endpoints }) =>
    endpoints.some(({ id }) => id === target),
  );
  return `${isEndpoint ? 'endpoints' : 'regions'}/${name}`;
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
