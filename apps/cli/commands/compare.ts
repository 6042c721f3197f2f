import { comparisonSchema } from '#contracts';
import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import { comparisonLines } from '../compare/comparison-view.js';
import { EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { guardOutput, print, writeLines } from '../terminal/output.js';
import { PLAIN_STYLE } from '../terminal/style.js';
import { terminalOf } from '../terminal/terminal.js';

interface CompareOptions extends RouterOptions {
  readonly question?: string;
  readonly repeat: string;
  readonly all?: boolean;
}

export function registerCompare(program: Command): void {
  withRouterOptions(
    program
      .command('compare')
      .description('the answers of a run’s regions to one question, with what differs marked')
      .argument('<run_id>')
      .option('--question <id>', 'which (default: the first)')
      .option('--repeat <number>', 'which repeat', '1')
      .option('--all', 'every question; with --json one line for each page'),
  ).action(async (id: string, options: CompareOptions) => {
    if (options.all === true && options.question !== undefined)
      throw new CommandError('--all and --question cannot go together', EXIT_USAGE);
    guardOutput();
    const { width, style } = terminalOf();
    let question = options.question;
    let cursor: number | undefined;
    for (let isFirst = true; ; isFirst = false) {
      const page = await ask(options, id, question, cursor);
      if (!isFirst && options.json !== true) writeLines(['']);
      print(options, page, (view) => comparisonLines(view, width - 1, style, style === PLAIN_STYLE));
      const { next_cursor: next, next_question: nextQuestion, question_id: shown } = page.answer;
      if (next !== null) [question, cursor] = [shown, next];
      else if (options.all === true && nextQuestion !== null) [question, cursor] = [nextQuestion, undefined];
      else {
        if (options.json !== true && nextQuestion !== null)
          writeLines(['', style.faint(`next: --question ${nextQuestion}, or --all`)]);
        return;
      }
    }
  });
}

function ask(options: CompareOptions, id: string, question: string | undefined, cursor: number | undefined) {
  const query = {
    ...(question === undefined ? {} : { question }),
    ...(cursor === undefined ? {} : { cursor }),
    repeat: Number(options.repeat),
  };
  return askRouter(
    options,
    (router) => router.GET('/runs/{id}/comparison', { params: { path: { id }, query } }),
    comparisonSchema,
  );
}
