import { randomUUID } from 'node:crypto';
import type { BodyOf } from '#router-client';
import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_USAGE } from '../exit-codes.js';
import { runCreatedFace, type RunCreatedFace } from '../faces.js';
import { readDocument } from '../read-document.js';
import { askRouter, withRouterOptions } from '../router-api.js';
import { duration } from '../terminal/durations.js';
import { print, writeLines } from '../terminal/output.js';
import { aboutUsd } from '../terminal/sums.js';
import { terminalOf } from '../terminal/terminal.js';
import { printable } from '../terminal/text-table.js';
import { watchRun, type WatchOptions } from '../watch/watch-run.js';

const DESCRIPTION =
  'submit a run: FILE is the body of POST /runs in YAML or JSON. On a terminal it is watched to its end; the exit code is 0 ' +
  'only where it is completed. Ctrl-C stops watching, and the run goes on';

interface RunOptions extends WatchOptions {
  readonly watch?: boolean;
  readonly detach?: boolean;
  readonly idempotencyKey?: string;
}

export function registerRun(program: Command, setExitCode: (code: number) => void): void {
  const command = program
    .command('run')
    .description(DESCRIPTION)
    .argument('<file>', 'the run ("-": stdin)')
    .option('--watch', 'wait for its end, also where stdout is no terminal')
    .option('--detach', 'print the run’s id and leave it to itself')
    .option('--cancel-on-interrupt', 'Ctrl-C cancels the run')
    .option('--idempotency-key <key>', 'the same key and body give the same run again (default: a new one)');
  withRouterOptions(command).action(async (file: string, options: RunOptions) => {
    if (options.watch === true && options.detach === true)
      throw new CommandError('--watch and --detach cannot go together', EXIT_USAGE);
    const created = await submit(options, await readDocument(file));
    const { run_id: runId } = created.answer;
    const isWatched = options.detach !== true && (options.watch === true || terminalOf().redraws);
    if (!isWatched) {
      print(options, created, () => [runId]);
      // stdout is the id, for scripts; what a person should know stands beside it.
      if (options.json !== true) process.stderr.write(`${createdLines(created.answer).join('\n')}\n`);
      return;
    }
    if (options.json !== true) writeLines(createdLines(created.answer));
    setExitCode(await watchRun(options, runId));
  });
}

/** With a key, so that a request that is sent twice makes one run. */
function submit(options: RunOptions, document: object) {
  const body = document as BodyOf<'/runs', 'post'>;
  const header = { 'Idempotency-Key': options.idempotencyKey ?? randomUUID() };
  return askRouter(options, (router) => router.POST('/runs', { body, params: { header } }), runCreatedFace, {
    refused: 'the run is refused',
  });
}

function createdLines({ run_id: runId, total_cells: total, plan, ...run }: RunCreatedFace): string[] {
  const time = plan.estimated_makespan_seconds;
  const cost = plan.estimated_cost_usd ?? null;
  return [
    `run ${runId}: ${total} cells, order ${plan.order}${time === null ? '' : `, about ${duration(time)}`}${cost === null ? '' : `, about ${aboutUsd(cost)} USD`}`,
    ...run.unavailable.map(
      ({ model, region }) => `no cells: ${printable(model)} is not deployed in ${printable(region)}`,
    ),
    ...run.warnings.map((warning) => `warning: ${printable(warning)}`),
  ];
}
