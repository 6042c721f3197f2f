import type { PlannedOrderFace } from '../faces.js';
import { duration } from '../terminal/durations.js';
import { ellipsize, printable, widthOf } from '../terminal/text-table.js';

type Timeline = PlannedOrderFace['timeline'][number];
type State = Timeline['intervals'][number]['state'];

const MARKS: Readonly<Record<State, string>> = { warming: '▒', busy: '█', idle: '·' };
const LEVELS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const NARROWEST_CHARTS = 20;
const WIDEST_LABEL = 28;
const TICKS = 4;

/**
 * A row per endpoint, a column per stretch of time: when it starts, is asked, and holds its GPU without being asked.
 * Below, how many GPUs are held against the limit.
 */
export function timelineLines(order: PlannedOrderFace, gpuLimit: number, width: number): string[] {
  const { timeline, timeline_truncated: isTruncated } = order;
  const endS = Math.max(0, ...timeline.flatMap(({ intervals }) => intervals.map(({ to_s: to }) => to)));
  if (endS === 0) return [];
  const labels = timeline.map((row) => ellipsize(labelOf(row), WIDEST_LABEL));
  const labelChars = widthOf('GPUs', labels);
  const columns = Math.max(NARROWEST_CHARTS, width - labelChars - 4);
  const row = (label: string, cells: string): string => ` ${label.padEnd(labelChars)} │${cells}`;
  const held = heldGpus(timeline, endS, columns);
  return [
    `${order.order}: ${duration(order.makespan_s)}   ${MARKS.warming} cold start   ${MARKS.busy} calls   ${MARKS.idle} idle`,
    row('', scale(endS, columns)),
    ...timeline.map((each, index) => row(labels[index] ?? '', cellsOf(each, endS, columns))),
    row('GPUs', held.map((count) => levelOf(count, gpuLimit)).join('')),
    ` ${''.padEnd(labelChars)}  at most ${order.peak_gpus} of ${gpuLimit} GPUs at once`,
    ...(isTruncated ? [` (too much to draw whole: ${drawnPart(order, endS)})`] : []),
  ].map((line) => line.trimEnd());
}

function drawnPart({ timeline, makespan_s: makespanS }: PlannedOrderFace, endS: number): string {
  const rows = timeline.length === 1 ? 'one endpoint' : `${timeline.length} endpoints`;
  return `this is ${rows}, ${endS < makespanS ? `up to ${duration(endS)} of ${duration(makespanS)}` : 'to the end'}`;
}

function labelOf({ endpoint_id: id, region = '', models = [] }: Timeline): string {
  return printable(id ?? `${region} ${models.join(' ')}`);
}

/** What fills most of each column; an empty one is an endpoint without a container. */
function cellsOf({ intervals }: Timeline, endS: number, columns: number): string {
  const columnS = endS / columns;
  return Array.from({ length: columns }, (_, column) => {
    const [from, to] = [column * columnS, (column + 1) * columnS];
    let most: { state: State; shareS: number } | undefined;
    for (const { state, from_s: fromS, to_s: toS } of intervals) {
      const shareS = Math.min(to, toS) - Math.max(from, fromS);
      if (shareS > 0 && shareS > (most?.shareS ?? 0)) most = { state, shareS };
    }
    return most === undefined ? ' ' : MARKS[most.state];
  }).join('');
}

/** By column: how many are held in its middle. */
function heldGpus(timeline: readonly Timeline[], endS: number, columns: number): number[] {
  return Array.from({ length: columns }, (_, column) => {
    const middle = ((column + 0.5) * endS) / columns;
    return timeline.filter(({ intervals }) =>
      intervals.some(({ from_s: from, to_s: to }) => from <= middle && middle < to),
    ).length;
  });
}

function levelOf(count: number, limit: number): string {
  const highest = LEVELS.length - 1;
  const level = Math.min(highest, Math.ceil((count / Math.max(1, limit)) * highest));
  return LEVELS[level] ?? '';
}

/** Times above the columns where they fall. */
function scale(endS: number, columns: number): string {
  let line = '';
  for (let tick = 0; tick <= TICKS; tick += 1) {
    const label = duration((endS * tick) / TICKS);
    const at = tick === TICKS ? columns - label.length : Math.round((columns * tick) / TICKS);
    if (at >= line.length + (tick === 0 ? 0 : 1) && at + label.length <= columns)
      line = line.padEnd(at) + label;
  }
  return line;
}
