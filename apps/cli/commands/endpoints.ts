import { providersSchema, type ProviderView } from '#contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { askRouter, withRouterOptions, type Answered, type RouterOptions } from '../router-api.js';
import { duration } from '../terminal/durations.js';
import { print } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { sheet, type SheetStep } from '../terminal/sheet.js';

interface EndpointsOptions extends RouterOptions {
  readonly region?: string;
}

export function registerEndpoints(program: Command): void {
  withRouterOptions(
    program
      .command('endpoints')
      .description(
        'all endpoints with state, learned times and how they are kept warm; "pause", "drain", "resume" and "warm" steer them',
      )
      .option('--region <region>', 'only those of a region'),
  ).action(async (options: EndpointsOptions) => {
    const all = await askRouter(options, (router) => router.GET('/providers'), wholeSchema);
    const shown = options.region === undefined ? all : await ofRegion(options.region, all, options);
    print(options, shown, ({ providers }) => endpointLines(providers, terminalOf().room));
  });
}

/** Fields that this command does not know are kept for `--json`. */
const wholeSchema = z.looseObject({ providers: z.array(providersSchema.shape.providers.element.loose()) });
type Endpoints = z.infer<typeof wholeSchema>;

/** @throws CommandError where the router knows no such region */
async function ofRegion(
  name: string,
  { answer }: Answered<Endpoints>,
  options: RouterOptions,
): Promise<Answered<Endpoints>> {
  const inRegion = (wanted: string) =>
    answer.providers.filter(({ region }) => region.toLowerCase() === wanted.toLowerCase());
  let providers = inRegion(name);
  if (providers.length === 0) {
    // An alias, or no region: the router knows.
    const named = await askRouter(
      options,
      (router) => router.GET('/queue/status/{region}', { params: { path: { region: name } } }),
      z.object({ region: z.string() }),
    );
    providers = inRegion(named.answer.region);
  }
  const shown = { ...answer, providers };
  return { document: shown, answer: shown };
}

const STEPS: readonly SheetStep[] = [
  ...[
    { drop: 'kept warm' },
    { shorten: 'paused', to: 12 },
    { shorten: 'models', to: 12 },
    { drop: 'cold p50' },
  ],
  ...[{ drop: 'GPU' }, { drop: 'region' }, { drop: 'warm p50' }, { shorten: 'last error', to: 12 }],
  ...[{ drop: 'models' }, { drop: 'paused' }, { shorten: 'endpoint', to: 12 }, { drop: 'last error' }],
];

/** One row for each endpoint; where it serves several models, its times are those of the slowest. */
export function endpointLines(endpoints: readonly ProviderView[], room = Infinity): string[] {
  if (endpoints.length === 0) return ['there is no such endpoint'];
  return sheet(
    [
      'endpoint',
      'region',
      'models',
      'state',
      '-busy',
      'GPU',
      '-warm p50',
      '-cold p50',
      'kept warm',
      'last error',
      'paused',
    ],
    endpoints.map((endpoint) => [
      ...[endpoint.id, endpoint.region, endpoint.models.join(' '), endpoint.state],
      `${endpoint.slots_in_use}/${endpoint.concurrency}`,
      endpoint.holds_gpu ? 'holds' : '',
      ...[timeOf(endpoint, 'warm_p50_s'), timeOf(endpoint, 'cold_p50_s')],
      `${endpoint.warm.mode} ${duration(endpoint.warm.window_s)}`,
      endpoint.last_error_code ?? '',
      endpoint.paused
        .map(({ target, by, reason }) => `${target}, by ${by}${reason === null ? '' : `: ${reason}`}`)
        .join('; '),
    ]),
    { room, steps: STEPS },
  );
}

function timeOf({ times }: ProviderView, figure: 'warm_p50_s' | 'cold_p50_s'): string {
  const known = Object.values(times).flatMap((each) => (each[figure] === null ? [] : [each[figure]]));
  return known.length === 0 ? '' : `${Math.max(...known).toFixed(1)} s`;
}
