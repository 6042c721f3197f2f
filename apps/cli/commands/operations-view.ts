import type { ChangedView, ControlView, OperationsView, OrderedView } from '#contracts';
import { printable } from '../terminal/text-table.js';

const INDENT = '  ';

/** What `beacon operations` prints: one line for each thing in force. */
export function operationsLines({ pauses, warm, modes, settings }: OperationsView): string[] {
  const lines = [
    ...pauses.map((pause) => {
      const what = pause.drain ? 'drained' : 'paused';
      const left = pause.drained ? 'nothing in flight' : `${pause.in_flight} in flight`;
      return `${what}: ${pause.target.kind} ${pause.target.id}, ${left}; ${whoOf(pause)}`;
    }),
    ...warm.map((order) => `warm: ${order.target.kind} ${order.target.id}; ${whoOf(order)}`),
    ...modes.map(
      (mode) => `mode: ${mode.mode}${mode.region === null ? '' : ` ${mode.region}`}; ${whoOf(mode)}`,
    ),
    ...settings.flatMap(({ name, configured, in_force: value, changed }) =>
      changed === null ? [] : [`setting: ${name} = ${value} (configured: ${configured}); ${whoOf(changed)}`],
    ),
  ];
  return (lines.length === 0 ? ['everything is as configured'] : lines).map(printable);
}

/** What an order prints. */
export function orderedLines(order: string, answer: OrderedView): string[] {
  const {
    target,
    change_id: changeId,
    endpoints,
    drained,
    tickets_taken_back: taken,
    left_out: leftOut,
  } = answer;
  const head =
    changeId === null
      ? `${target.kind} ${target.id}: there was nothing to change`
      : `${order} ${target.kind} ${target.id}: change ${changeId}, take it back with "beacon undo ${changeId}"`;
  const isPause = order === 'pause' || order === 'drain';
  return [
    head,
    ...endpoints.map(({ id, state, in_flight: inFlight }) => `  ${id}: ${state}, ${inFlight} in flight`),
    ...(isPause ? [drained ? '  nothing is in flight' : '  calls in flight end by themselves'] : []),
    ...(taken > 0 ? [`  ${taken} tickets were taken back`] : []),
    ...(leftOut.length > 0 ? [`  cannot be told: ${leftOut.join(', ')}`] : []),
  ].map((line) => (line.startsWith(INDENT) ? `${INDENT}${printable(line)}` : printable(line)));
}

/** What `beacon undo` prints. */
export function changedLines({
  kind,
  target,
  change_id: changeId,
  in_force: inForce,
}: ChangedView): string[] {
  const now = inForce === null ? 'nothing is in force any more' : `in force again; ${whoOf(inForce)}`;
  // What is in force again is so by the change that took the other back.
  const change = inForce?.change_id === changeId ? '' : ` (change ${changeId})`;
  return [printable(`${kind} ${target}: ${now}${change}`)];
}

function whoOf({ change_id: changeId, by, reason, since, until }: ControlView): string {
  const why = reason === null ? '' : `, ${reason}`;
  return `by ${by} since ${since}${until === null ? '' : ` until ${until}`}${why} (change ${changeId})`;
}
