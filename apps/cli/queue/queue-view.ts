import type { QueueFace } from '../faces.js';
import { bar } from '../terminal/bar.js';
import { duration } from '../terminal/durations.js';
import { sheet, type SheetStep } from '../terminal/sheet.js';
import type { Style } from '../terminal/style.js';
import { ellipsize, printable } from '../terminal/text-table.js';

const GPU_BAR_CHARS = 24;
const FEWEST_BAR_CHARS = 6;
/** What fails, how long it has waited and what state a region is in go last. */
const REGION_STEPS: readonly SheetStep[] = [
  ...[{ drop: 'done' }, { drop: 'retries' }, { shorten: 'state', to: 13 }, { drop: 'in flight' }],
  ...[{ shorten: 'state', to: 8 }, { drop: 'oldest' }, { shorten: 'region', to: 4 }],
];
const ENDPOINT_STEPS: readonly SheetStep[] = [
  ...[{ shorten: 'paused', to: 12 }, { drop: 'region' }, { shorten: 'last error', to: 10 }, { drop: 'GPU' }],
  ...[{ drop: 'paused' }, { drop: 'last error' }, { shorten: 'endpoint', to: 12 }],
];
const ESCAPE = '\u001b[';
const RESET = `${ESCAPE}0m`;

/**
 * Queues, why jobs wait, and how the endpoints stand. Every line fits the width.
 * @param height what goes beyond it is left out, and counted; its last line says so
 */
export function queueLines(queue: QueueFace, width: number, style: Style, height = Infinity): string[] {
  const { regions } = queue;
  const entries = Object.entries(regions);
  const table = sheet(
    ['region', '-waiting', '-retries', '-in flight', '-done', '-failed', '-oldest', 'state'],
    entries.map(([name, region]) => [
      ...[name, String(region.queue_size), String(region.retry_queue_size), String(region.in_flight)],
      ...[String(region.completed), String(region.failed)],
      region.oldest_wait_seconds === null ? '' : duration(region.oldest_wait_seconds),
      stateOf(region),
    ]),
    { room: width, steps: REGION_STEPS },
  );
  const reasons = entries.flatMap(([name, { wait_reason: reason }]) =>
    reason === null ? [] : [` ${printable(name)}: ${printable(reason)}`],
  );
  const endpoints = endpointLines(queue, style, width);
  const lines = [
    style.bold(headLine(queue, width)),
    '',
    ...table,
    ...(reasons.length === 0 ? [] : ['', style.bold('why jobs wait'), ...reasons]),
    ...(endpoints.length === 0 ? [] : ['', ...endpoints]),
  ].map((line) => cut(line, width));
  if (lines.length <= height) return lines;
  const kept = lines.slice(0, Math.max(0, height - 1));
  const left = lines.length - kept.length;
  // Titles and a rule are no endpoints.
  const what = left <= endpoints.length - 2 ? 'endpoints' : 'lines';
  return [...kept, style.faint(cut(`… and ${left} more ${what}`, width))];
}

/** The clock says whether the picture is alive: it goes last. */
function headLine(queue: QueueFace, width: number): string {
  const { gpus_in_use: used, gpu_limit: limit, global_retry_queue_size: retries } = queue;
  const time = clock(queue.as_of);
  const long = ` ${used} of ${limit}   ${retries} waiting for a retry anywhere   ${time}`;
  const short = ` ${used} of ${limit}  ${retries} to retry  ${time}`;
  for (const rest of [long, short]) {
    const room = Math.min(GPU_BAR_CHARS, width - 'GPUs '.length - rest.length);
    if (room >= FEWEST_BAR_CHARS) return `GPUs ${bar(used, limit, room)}${rest}`;
  }
  const bare = `GPUs${short}`;
  return bare.length <= width ? bare : `GPUs ${used} of ${limit}  ${time}`;
}

function stateOf({ dispatcher_alive: isAlive, paused }: QueueFace['regions'][string]): string {
  return [
    ...(isAlive ? [] : ['no dispatcher']),
    ...(paused === null || paused === false ? [] : ['paused']),
  ].join(', ');
}

/** Customers are shown none. */
function endpointLines({ regions }: QueueFace, style: Style, width: number): string[] {
  const endpoints = Object.values(regions).flatMap(({ endpoints: each = [] }) => each);
  if (endpoints.length === 0) return [];
  const rows = endpoints.map((endpoint) => [
    ...[endpoint.id, endpoint.region, endpoint.state, `${endpoint.slots_in_use}/${endpoint.concurrency}`],
    endpoint.holds_gpu ? 'holds' : '',
    endpoint.last_error_code ?? '',
    endpoint.paused
      .map(({ target, reason }) => `by ${target}${reason === null ? '' : `: ${reason}`}`)
      .join('; '),
  ]);
  const [head = '', rule = '', ...body] = sheet(
    ['endpoint', 'region', 'state', '-busy', 'GPU', 'last error', 'paused'],
    rows,
    { room: width, steps: ENDPOINT_STEPS },
  );
  return [
    ...[head, rule],
    ...body.map((line, index) => {
      const state = endpoints[index]?.state;
      if (state === 'down') return style.bad(line);
      if (state === 'warm') return style.good(line);
      return state === 'cold' ? style.faint(line) : line;
    }),
  ];
}

function clock(time: string): string {
  return `${time.slice(11, 19)} UTC`;
}

/** Colours take no room: a coloured line is cut where its text is. */
function cut(line: string, width: number): string {
  const end = line.endsWith(RESET) ? line.length - RESET.length : line.length;
  const begin = line.startsWith(ESCAPE) ? line.indexOf('m') + 1 : 0;
  return `${line.slice(0, begin)}${ellipsize(line.slice(begin, end), width)}${line.slice(end)}`;
}
