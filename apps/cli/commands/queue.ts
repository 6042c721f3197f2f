import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { CommandError, messageOf } from '../command-error.js';
import { EXIT_UNAVAILABLE, EXIT_USAGE } from '../exit-codes.js';
import { queueFace, type QueueFace } from '../faces.js';
import { LiveScreen } from '../queue/live-screen.js';
import { queueLines } from '../queue/queue-view.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { guardOutput, print } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { ellipsize } from '../terminal/text-table.js';

interface QueueOptions extends RouterOptions {
  readonly watch?: boolean;
  readonly intervalS: string;
}

export function registerQueue(program: Command): void {
  withRouterOptions(
    program
      .command('queue')
      .alias('top')
      .description(
        'queues by region, why jobs wait, endpoints, and GPUs against their limit; live with --watch, where "q" ends it',
      )
      .option('--watch', 'draw it again and again; where stdout is no terminal it is printed once')
      .option('--interval-s <seconds>', 'how often', '1'),
  ).action(async (options: QueueOptions, command: Command) => {
    const intervalMs = Number(options.intervalS) * 1000;
    if (!(intervalMs >= 100)) throw new CommandError('--interval-s is to be 0.1 or more', EXIT_USAGE);
    const isTop = command.parent?.args[0] === 'top';
    if ((options.watch === true || isTop) && options.json !== true && terminalOf().redraws)
      await watch(options, intervalMs);
    else {
      const { room, style } = terminalOf();
      print(options, await ask(options), (queue) => queueLines(queue, room, style));
    }
  });
}

function ask(options: RouterOptions, signal?: AbortSignal) {
  return askRouter(
    options,
    (router) => router.GET('/queue/status'),
    queueFace,
    signal === undefined ? {} : { signal },
  );
}

async function watch(options: RouterOptions, intervalMs: number): Promise<void> {
  // Before the screen is taken: what is wrong is to be read afterwards.
  let queue: QueueFace = (await ask(options)).answer;
  guardOutput();
  const screen = new LiveScreen();
  let trouble = '';
  try {
    for (;;) {
      const [shown, remark] = [queue, trouble];
      screen.show(({ width, height, style }) => {
        const foot = remark === '' ? 'q: quit' : remark;
        const lines = queueLines(shown, width, style, height - 2);
        return [...lines, remark === '' ? style.faint(foot) : style.bad(ellipsize(foot, width))];
      });
      await delay(intervalMs, undefined, { signal: screen.left });
      try {
        queue = (await ask(options, screen.left)).answer;
        trouble = '';
      } catch (error) {
        // A router that restarts is back soon; what it refuses it will go on to refuse.
        if (!(error instanceof CommandError) || error.exitCode !== EXIT_UNAVAILABLE) throw error;
        trouble = `${messageOf(error).split(': start one')[0] ?? ''}; trying again`;
      }
    }
  } catch (error) {
    if (!screen.left.aborted) throw error;
  } finally {
    screen.leave();
  }
}
