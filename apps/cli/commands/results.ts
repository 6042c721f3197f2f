import { cellResultSchema } from '#contracts';
import { Option, type Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_FAILED, EXIT_USAGE } from '../exit-codes.js';
import { download, withAddress, type RouterOptions } from '../router-api.js';
import { linesOf } from '../terminal/lines-of.js';
import { deliver, writeLines } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { ResultTable } from './results-view.js';

const FORMATS = ['table', 'json', 'jsonl', 'csv'] as const;
const ROWS_AT_ONCE = 200;

interface ResultsOptions extends RouterOptions {
  readonly format: (typeof FORMATS)[number];
  readonly output?: string;
}

const shownSchema = cellResultSchema.partial({ endpoint_id: true });

export function registerResults(program: Command): void {
  withAddress(
    program
      .command('results')
      .description('the answers of a run, one row for each cell; as they are so far, while it goes on')
      .argument('<run_id>')
      .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('table'))
      .option('--json', 'short for --format json')
      .option('--output <file>', 'write them there; the file has its name once it is whole'),
  ).action(async (id: string, options: ResultsOptions) => {
    const format = options.json === true ? 'json' : options.format;
    if (format !== 'table') {
      await deliver(await ask(options, id, format), options.output);
      return;
    }
    if (options.output !== undefined)
      throw new CommandError('--output goes with --format json, jsonl or csv', EXIT_USAGE);
    await printTable(await ask(options, id, 'jsonl'));
  });
}

function ask(options: RouterOptions, id: string, format: 'json' | 'jsonl' | 'csv') {
  return download(options, (router) =>
    router.GET('/runs/{id}/results', {
      params: { path: { id }, query: { format } },
      parseAs: 'stream',
    }),
  );
}

/** A page at a time: a run may have 100,000 cells. */
async function printTable(body: ReadableStream<Uint8Array>): Promise<void> {
  const table = new ResultTable(terminalOf().width);
  let page: ReturnType<typeof rowIn>[] = [];
  const flush = (): void => {
    if (page.length > 0) writeLines(table.lines(page));
    page = [];
  };
  let isEmpty = true;
  for await (const line of linesOf(body)) {
    isEmpty = false;
    page.push(rowIn(line));
    if (page.length === ROWS_AT_ONCE) flush();
  }
  flush();
  if (isEmpty) writeLines(['there are no cells']);
}

function rowIn(line: string) {
  let value: unknown;
  try {
    value = JSON.parse(line) as unknown;
  } catch {
    value = undefined;
  }
  const row = shownSchema.safeParse(value);
  if (!row.success) throw new CommandError('the router answered a row that is no result', EXIT_FAILED);
  return row.data;
}
