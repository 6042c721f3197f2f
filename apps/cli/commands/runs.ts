import {
  gateDecidedSchema,
  runExtendSchema,
  runListSchema,
  runRetrySchema,
  runStateSchema,
} from '#contracts';
import type { GateStatus } from '#domain';
import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_FAILED, EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { print } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { watchedRun } from '../watch/run-state.js';
import { statusText } from '../watch/run-view.js';
import { unpaidCells } from '../watch/unpaid-cells.js';
import { cancelRun, fetchRun, watchRun, type WatchOptions } from '../watch/watch-run.js';
import { listLines, showLines } from './runs-view.js';

interface ListOptions extends RouterOptions {
  readonly limit: string;
  readonly cursor?: string;
}

interface BudgetOptions extends RouterOptions {
  readonly budgetUsd?: string;
  readonly budgetGpuSeconds?: string;
}

interface ExtendOptions extends BudgetOptions {
  readonly repeats: string;
}

const pathTo = (id: string) => ({ params: { path: { id } } });

export function registerRuns(program: Command, setExitCode: (code: number) => void): void {
  const group = program.command('runs').description('look at runs, and steer them');
  const of = (name: string, description: string): Command =>
    withRouterOptions(group.command(name).description(description).argument('<run_id>'));

  withRouterOptions(group.command('list').description('the latest, newest first'))
    .option('--limit <number>', 'how many', '20')
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(async (options: ListOptions) => {
      const { cursor } = options;
      const query = { limit: Number(options.limit), ...(cursor === undefined ? {} : { cursor }) };
      const list = await askRouter(
        options,
        (router) => router.GET('/runs', { params: { query } }),
        runListSchema,
      );
      print(options, list, (answer) => listLines(answer, terminalOf().room));
    });

  of('show', 'one of them: progress, gates, budget').action(async (id: string, options: RouterOptions) => {
    const run = await fetchRun(options, id);
    const { room, style } = terminalOf();
    const unpaid = options.json === true ? 0 : await unpaidCells(options, watchedRun(run.answer));
    print(options, run, (answer) => showLines(answer, { width: room - 1, height: Infinity, style }, unpaid));
  });

  of('watch', 'follow it to its end; exits with 0 only where it is completed')
    .option('--cancel-on-interrupt', 'Ctrl-C cancels the run')
    .action(async (id: string, options: WatchOptions) => setExitCode(await watchRun(options, id)));

  of('cancel', 'end it: what is waiting is dropped, calls in flight are cancelled').action(
    async (id: string, options: RouterOptions) => {
      print(options, await cancelRun(options, id), ({ run_id: runId }) => [`${runId} is being cancelled`]);
    },
  );

  for (const [name, description] of [
    ['pause', 'submit nothing more of it; calls in flight end'],
    ['resume', 'go on with it'],
  ] as const) {
    of(name, description).action(async (id: string, options: RouterOptions) => {
      const state = await askRouter(
        options,
        (router) => router.POST(`/runs/{id}/${name}`, pathTo(id)),
        runStateSchema,
      );
      print(options, state, ({ run_id: runId, status }) => [`${runId} is ${statusText(status)}`]);
    });
  }

  for (const [name, description] of [
    ['approve', 'let it pass a gate'],
    ['reject', 'end it at a gate'],
  ] as const) {
    of(name, description)
      .argument('[gate_id]', 'left out: the one gate that waits')
      .action(async (id: string, given: string | undefined, options: RouterOptions) => {
        const found =
          given === undefined ? await gateFor(options, id, name) : { gate: given, isRepeated: false };
        const { gate, isRepeated } = found;
        const decided = await askRouter(
          options,
          (router) => router.POST(`/runs/{id}/gates/{gate}/${name}`, { params: { path: { id, gate } } }),
          gateDecidedSchema,
        );
        print(options, decided, ({ gate_id: gateId, status }) => [
          `gate ${gateId} is ${status}${isRepeated ? ' already' : ''}`,
        ]);
      });
  }

  withBudget(of('retry', 'ask again for every cell without an answer, once the run has ended')).action(
    async (id: string, options: BudgetOptions) => {
      const retried = await askRouter(
        options,
        (router) => router.POST('/runs/{id}/retry-failed', { ...pathTo(id), body: budgetOf(options) }),
        runRetrySchema,
      );
      print(options, retried, ({ retried_cells: cells, status }) => [
        `${cells} cells are asked again; the run is ${statusText(status)}`,
      ]);
    },
  );

  withBudget(
    of('extend', 'add repeats to it').requiredOption(
      '--repeats <number>',
      'in all, those included that it has',
    ),
  ).action(async (id: string, options: ExtendOptions) => {
    const body = { repeats: numberOf('--repeats', options.repeats), ...budgetOf(options) };
    const extended = await askRouter(
      options,
      (router) => router.POST('/runs/{id}/extend', { ...pathTo(id), body }),
      runExtendSchema,
    );
    print(options, extended, ({ added_cells: added, total_cells: total, status }) => [
      `${added} cells more, ${total} in all; the run is ${statusText(status)}`,
    ]);
  });
}

function withBudget(command: Command): Command {
  return command
    .option('--budget-usd <number>', 'not lower than what it has')
    .option('--budget-gpu-seconds <number>', 'not lower than what it has');
}

function budgetOf({ budgetUsd, budgetGpuSeconds }: BudgetOptions) {
  const budget = {
    ...(budgetUsd === undefined ? {} : { usd: numberOf('--budget-usd', budgetUsd) }),
    ...(budgetGpuSeconds === undefined
      ? {}
      : { gpu_seconds: numberOf('--budget-gpu-seconds', budgetGpuSeconds) }),
  };
  return Object.keys(budget).length === 0 ? {} : { budget };
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number))
    throw new CommandError(`${option} is to be a number`, EXIT_USAGE);
  return number;
}

/**
 * The gate that is meant where none was named: the one that waits, else the latest that was decided so already.
 * @throws CommandError saying how the gates stand, where there is nothing to decide
 */
async function gateFor(
  options: RouterOptions,
  id: string,
  order: 'approve' | 'reject',
): Promise<{ gate: string; isRepeated: boolean }> {
  const { status, gates } = watchedRun((await fetchRun(options, id)).answer);
  const waiting = gates.filter((gate) => gate.status === 'waiting').map(({ gate_id: gate }) => gate);
  const [gate] = waiting;
  if (waiting.length > 1)
    throw new CommandError(`several gates wait: name one of ${waiting.join(', ')}`, EXIT_USAGE);
  if (gate !== undefined) return { gate, isRepeated: false };
  const latest = gates.findLast((each) => each.status !== 'pending');
  if (latest?.status === (order === 'approve' ? 'approved' : 'rejected'))
    return { gate: latest.gate_id, isRepeated: true };
  const stand = gates.map((each) => `${each.gate_id} ${GATE_WORDS[each.status]}`).join(', ');
  const message = `there is nothing to ${order}: the run is ${statusText(status)}, ${stand === '' ? 'and has no gates' : `its gates: ${stand}`}`;
  throw new CommandError(message, EXIT_FAILED);
}

const GATE_WORDS: Readonly<Record<GateStatus, string>> = {
  pending: 'is not reached yet',
  waiting: 'waits',
  approved: 'is approved',
  rejected: 'is rejected',
  expired: 'has expired',
};
