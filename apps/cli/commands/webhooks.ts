import {
  redeliveredSchema,
  webhookDeliveryDetailsSchema,
  webhookDeliveryListSchema,
  webhookDeliverySchema,
  type WebhookDeliveryDetailsView,
  type WebhookDeliveryListView,
} from '#contracts';
import { WEBHOOK_STATUSES, type WebhookStatus } from '#domain';
import { Option, type Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { print } from '../terminal/output.js';
import { sheet, type SheetStep } from '../terminal/sheet.js';
import { terminalOf } from '../terminal/terminal.js';
import { printable } from '../terminal/text-table.js';

interface ListOptions extends RouterOptions {
  readonly status?: WebhookStatus;
  readonly job?: string;
  readonly run?: string;
  readonly limit: string;
  readonly cursor?: string;
}

interface RedeliverOptions extends RouterOptions {
  readonly allFailed?: boolean;
}

const pathTo = (id: string) => ({ params: { path: { event_id: id } } });

export function registerWebhooks(program: Command): void {
  const group = program.command('webhooks').description('webhooks, and what became of them');

  withRouterOptions(group.command('list').description('the latest, newest first'))
    .addOption(new Option('--status <status>').choices(WEBHOOK_STATUSES))
    .option('--job <job_id>')
    .option('--run <run_id>')
    .option('--limit <number>', 'how many', '50')
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(async (options: ListOptions) => {
      const { status, job, run, limit, cursor } = options;
      const query = {
        limit: Number(limit),
        ...(status === undefined ? {} : { status }),
        ...(job === undefined ? {} : { job_id: job }),
        ...(run === undefined ? {} : { run_id: run }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const list = await askRouter(
        options,
        (router) => router.GET('/webhook-deliveries', { params: { query } }),
        webhookDeliveryListSchema,
      );
      print(options, list, listLines);
    });

  withRouterOptions(
    group.command('show').description('one of them, with what is sent').argument('<event_id>'),
  ).action(async (id: string, options: RouterOptions) => {
    const delivery = await askRouter(
      options,
      (router) => router.GET('/webhook-deliveries/{event_id}', pathTo(id)),
      webhookDeliveryDetailsSchema,
    );
    print(options, delivery, detailLines);
  });

  withRouterOptions(
    group
      .command('redeliver')
      .description('send one again, or all that were given up')
      .argument('[event_id]')
      .option('--all-failed', 'all that were given up, the oldest first, a thousand at most'),
  ).action(async (id: string | undefined, options: RedeliverOptions) => {
    if (id !== undefined) {
      const again = await askRouter(
        options,
        (router) => router.POST('/webhook-deliveries/{event_id}/redeliver', pathTo(id)),
        webhookDeliverySchema,
      );
      print(options, again, ({ event_id: eventId, status }) => [`${eventId} is ${status}`]);
      return;
    }
    if (options.allFailed !== true) throw new CommandError('name a webhook, or say --all-failed', EXIT_USAGE);
    const many = await askRouter(
      options,
      (router) => router.POST('/webhook-deliveries/redeliver', { body: { status: 'failed', limit: 1000 } }),
      redeliveredSchema,
    );
    print(options, many, ({ redelivered, more }) => [
      `${redelivered} are sent again`,
      ...(more ? ['there are more: ask again'] : []),
    ]);
  });
}

const LIST_STEPS: readonly SheetStep[] = [
  ...[
    { shorten: 'of', to: 8 },
    { shorten: 'next try', to: 11 },
    { drop: 'of' },
    { shorten: 'receiver', to: 12 },
  ],
  ...[{ drop: 'next try' }, { shorten: 'type', to: 12 }, { drop: 'receiver' }, { shorten: 'last', to: 8 }],
];

export function listLines({ deliveries, next_cursor: next }: WebhookDeliveryListView): string[] {
  if (deliveries.length === 0) return ['there is none'];
  return [
    ...sheet(
      ['event', 'type', 'of', 'receiver', 'status', '-tries', 'last', 'next try'],
      deliveries.map((each) => [
        ...[each.event_id, each.event_type, each.run_id ?? each.job_id ?? '', each.receiver, each.status],
        String(each.tries),
        each.last_error_code ?? (each.last_status === null ? '' : String(each.last_status)),
        each.next_try_at ?? '',
      ]),
      { room: terminalOf().room, steps: LIST_STEPS },
    ),
    ...(next === null ? [] : ['', `there are more: --cursor ${next}`]),
  ];
}

export function detailLines({ url, body, ...delivery }: WebhookDeliveryDetailsView): string[] {
  const { event_id: id, event_type: type, status, tries, last_error_code: code } = delivery;
  return [
    `${id} ${printable(type)}: ${status} after ${tries} ${tries === 1 ? 'try' : 'tries'}${code === null ? '' : `, ${code}`}`,
    `  to ${printable(url)}`,
    ...JSON.stringify(body, undefined, 2)
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}
