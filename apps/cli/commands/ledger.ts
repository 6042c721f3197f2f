import {
  LEDGER_FORMATS,
  LEDGER_ORDERS,
  LEDGER_SUMMARY_GROUPS,
  ledgerPageSchema,
  ledgerSummarySchema,
  type LedgerPage,
  type LedgerSummaryGroup,
  type LedgerSummaryView,
} from '#contracts';
import { CALL_OUTCOMES, LEDGER_KINDS } from '#domain';
import type { QueryOf } from '#router-client';
import { Option, type Command } from 'commander';
import { askRouter, download, withAddress, withRouterOptions, type RouterOptions } from '../router-api.js';
import { duration } from '../terminal/durations.js';
import { deliver, print } from '../terminal/output.js';
import { sheet, type SheetStep } from '../terminal/sheet.js';
import { terminalOf } from '../terminal/terminal.js';

type Filter = Pick<
  QueryOf<'/ledger', 'get'>,
  | 'run_id'
  | 'job_id'
  | 'tenant'
  | 'key_id'
  | 'model'
  | 'region'
  | 'endpoint_id'
  | 'task_type'
  | 'outcome'
  | 'kind'
  | 'from'
  | 'to'
>;

interface FilterOptions {
  readonly run?: string;
  readonly job?: string;
  readonly tenant?: string;
  readonly keyId?: string;
  readonly model?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly taskType?: string;
  readonly outcome?: (typeof CALL_OUTCOMES)[number];
  readonly kind?: (typeof LEDGER_KINDS)[number];
  readonly from?: string;
  readonly to?: string;
}

interface ListOptions extends RouterOptions, FilterOptions {
  readonly order: (typeof LEDGER_ORDERS)[number];
  readonly limit: string;
  readonly cursor?: string;
}

interface SummaryOptions extends RouterOptions, FilterOptions {
  readonly by: LedgerSummaryGroup;
  readonly limit: string;
}

interface ExportOptions extends RouterOptions, FilterOptions {
  readonly format: 'jsonl' | 'csv';
  readonly output?: string;
}

export function registerLedger(program: Command): void {
  const group = program
    .command('ledger')
    .description('what calls cost: one entry for each; needs the role ledger');

  withFilter(
    withRouterOptions(
      group.command('list').description('entries, in the order in which they were made, or the latest first'),
    ),
  )
    .addOption(new Option('--order <order>', 'desc: the latest first').choices(LEDGER_ORDERS).default('asc'))
    .option('--limit <number>', 'how many', '50')
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(async (options: ListOptions) => {
      const { limit, cursor, order } = options;
      const query = {
        ...filterOf(options),
        ...{ order, limit: Number(limit), ...(cursor === undefined ? {} : { cursor }) },
      };
      const page = await askRouter(
        options,
        (router) => router.GET('/ledger', { params: { query } }),
        ledgerPageSchema,
      );
      print(options, page, (answer) => pageLines(answer, terminalOf().room));
    });

  withFilter(
    withRouterOptions(
      group.command('summary').description('sums by what they were spent on, the dearest first'),
    ),
  )
    .addOption(
      new Option('--by <group>', 'what they are summed by').choices(LEDGER_SUMMARY_GROUPS).default('day'),
    )
    .option('--limit <number>', 'groups at most', '100')
    .action(async (options: SummaryOptions) => {
      const query = { ...filterOf(options), group_by: options.by, limit: Number(options.limit) };
      const summary = await askRouter(
        options,
        (router) => router.GET('/ledger/summary', { params: { query } }),
        ledgerSummarySchema,
      );
      print(options, summary, (answer) => summaryLines(answer, terminalOf().room));
    });

  withFilter(withAddress(group.command('export').description('all entries that match, for a spreadsheet')))
    .addOption(
      new Option('--format <format>', 'how')
        .choices(LEDGER_FORMATS.filter((format) => format !== 'json'))
        .default('csv'),
    )
    .option('--json', 'short for --format jsonl: a document for each entry, on a line of its own')
    .option('--output <file>', 'write them there; the file has its name once it is whole')
    .action(async (options: ExportOptions) => {
      const format = options.json === true ? 'jsonl' : options.format;
      const query = { ...filterOf(options), format };
      const entries = await download(options, (router) =>
        router.GET('/ledger', { params: { query }, parseAs: 'stream' }),
      );
      await deliver(entries, options.output);
    });
}

function withFilter(command: Command): Command {
  return command
    .option('--run <run_id>')
    .option('--job <job_id>')
    .option('--tenant <tenant>')
    .option('--key-id <key_id>')
    .option('--model <model>')
    .option('--region <region>')
    .option('--endpoint <id>')
    .option('--task-type <type>')
    .addOption(new Option('--outcome <outcome>').choices(CALL_OUTCOMES))
    .addOption(new Option('--kind <kind>').choices(LEDGER_KINDS))
    .option('--from <time>', 'ended then or later, RFC 3339')
    .option('--to <time>', 'ended before, RFC 3339');
}

function filterOf(options: FilterOptions): Filter {
  const { run, job, tenant, keyId, model, region, endpoint, taskType, outcome, kind, from, to } = options;
  const given = {
    ...{ run_id: run, job_id: job, tenant, key_id: keyId, model, region, endpoint_id: endpoint },
    ...{ task_type: taskType, outcome, kind, from, to },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const PAGE_STEPS: readonly SheetStep[] = [
  ...[{ drop: 'model' }, { drop: 'attempt' }, { shorten: 'job', to: 8 }, { drop: 'tokens' }],
  ...[{ shorten: 'endpoint', to: 12 }, { shorten: 'at', to: 11 }, { drop: 'job' }, { drop: 'GPU s' }],
];
const SUMMARY_STEPS = ['of it idle', 'cold starts', 'tokens', 'accepted', 'GPU time'].map((drop) => ({
  drop,
}));

function pageLines({ entries, next_cursor: next }: LedgerPage, room: number): string[] {
  if (entries.length === 0) return ['no entry matches'];
  return [
    ...sheet(
      ['at', 'endpoint', 'model', 'job', '-attempt', 'outcome', '-GPU s', '-tokens', '-USD'],
      entries.map((entry) => [
        ...[entry.at, entry.endpoint_id, entry.model, entry.job_id, String(entry.attempt)],
        entry.outcome,
        (entry.gpu_ms / 1000).toFixed(1),
        String((entry.tokens_in ?? 0) + (entry.tokens_out ?? 0)),
        entry.unpriced ? 'unknown' : entry.total_usd,
      ]),
      { room, steps: PAGE_STEPS },
    ),
    ...(next === null
      ? []
      : ['', `there are more: --cursor ${next}, or all of them with "beacon ledger export"`]),
  ];
}

export function summaryLines(
  { group_by: by, groups, total, truncated }: LedgerSummaryView,
  room = Infinity,
): string[] {
  const row = (value: string, sums: LedgerSummaryView['total']): string[] => [
    ...[value, String(sums.calls), String(sums.accepted), String(sums.cold_starts)],
    ...[duration(sums.gpu_ms / 1000), duration(sums.idle_ms / 1000)],
    ...[String(sums.tokens_in + sums.tokens_out), sums.total_usd],
  ];
  return [
    ...sheet(
      [by, '-calls', '-accepted', '-cold starts', '-GPU time', '-of it idle', '-tokens', '-USD'],
      [...groups.map((group) => row(group.value ?? '(none)', group)), row('total', total)],
      { room, steps: [...SUMMARY_STEPS, { shorten: by, to: 12 }] },
    ),
    ...(truncated ? ['groups are left out; the total is of all: raise --limit'] : []),
    ...(total.unpriced_entries === 0 ? [] : [`${total.unpriced_entries} entries have no price`]),
  ];
}
