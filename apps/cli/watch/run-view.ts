import type { RunStatus } from '#domain';
import { bar } from '../terminal/bar.js';
import { duration } from '../terminal/durations.js';
import type { Style } from '../terminal/style.js';
import { ellipsize, printable, widthOf } from '../terminal/text-table.js';
import type { WatchedRun } from './run-state.js';

const WIDEST_BAR = 40;
const NARROWEST_BAR = 8;
const WIDEST_LABEL = 24;
const NARROWEST_LABEL = 6;
/** Room for what stands behind the counts, where there is plenty. */
const WIDE_REMARK = 25;
/** A space before each of label, bar and count. */
const SPACES = 3;
/** Lines beside those of questions: head, all, counts, and a rest. */
const OTHER_LINES = 6;
const LINES_PER_GATE = 2;
const FEWEST_QUESTIONS = 3;

interface Count {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly after?: string;
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly style: Style;
}

/** The block that is redrawn in place: every line fits the width, and all of them the height. */
export function runBlock(run: WatchedRun, { width, height, style }: View): string[] {
  const { progress } = run;
  const { total } = progress;
  const regions = Object.entries(progress.by_region).map(([label, counts]): Count => ({
    label,
    ...counts,
    after: faultsOf(counts),
  }));
  const room = Math.max(
    FEWEST_QUESTIONS,
    height - OTHER_LINES - regions.length - LINES_PER_GATE * run.gates.length,
  );
  const questions = progress.by_question.map((counts, index): Count => ({
    label: `Q${index + 1} ${counts.question_id}`,
    ...{ done: counts.done, total: counts.total },
    after: faultsOf({ ...counts, substituted: 0 }),
  }));
  const { shown, rest } = inView(questions, room);
  const labels = widthOf(
    'all',
    [...regions, ...shown].map(({ label }) => printable(label)),
  );
  const countChars = `${total}/${total}`.length;
  const left = `  ${timeLeft(run)}`;
  // What goes last where a terminal is narrow is the time left: labels are cut before it, and bars left out.
  const least = width - SPACES - countChars - left.length;
  const labelChars = Math.min(...[WIDEST_LABEL, labels], Math.max(NARROWEST_LABEL, least - NARROWEST_BAR));
  const plenty = width - SPACES - countChars - labelChars - Math.max(WIDE_REMARK, left.length);
  const fitting = Math.min(least - labelChars, Math.max(NARROWEST_BAR, Math.min(WIDEST_BAR, plenty)));
  const barChars = fitting >= NARROWEST_BAR / 2 ? fitting : 0;
  const line = ({ label, done, total: of, after = '' }: Count): string => {
    const name = ellipsize(printable(label), labelChars).padEnd(labelChars);
    const drawn = barChars === 0 ? '' : ` ${bar(done, of, barChars)}`;
    return ellipsize(` ${name}${drawn} ${`${done}/${of}`.padStart(countChars)}${after}`, width);
  };
  return [
    style.bold(ellipsize(headLine(run, width), width)),
    line({ label: 'all', done: doneOf(run), total, after: left }),
    ...regions.map(line),
    ...shown.map(line),
    ...(rest === '' ? [] : [style.faint(ellipsize(` ${rest}`, width))]),
    ellipsize(` ${countsOf(run)}`, width),
    ...gateLines(run).map((text) => style.bold(ellipsize(` ${text}`, width))),
  ];
}

/** One line for a file or a pipe. */
export function runLine(run: WatchedRun): string {
  const { total, by_region: regions } = run.progress;
  const done = doneOf(run);
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
  const counts = Object.entries(regions).map(
    ([name, each]) => `${printable(name)} ${each.done}/${each.total}`,
  );
  return `${String(percent).padStart(3)} %  ${done}/${total}  ${counts.join('  ')}  ${countsOf(run)}, ${timeLeft(run)}`;
}

/**
 * What a run that has ended, or waits for somebody, needs said.
 * @param unpaid cells that were not asked, as the budget might not have paid for them
 */
export function closingLines(run: WatchedRun, unpaid = 0): string[] {
  const { accepted, total, failed } = run.progress;
  const id = run.runId;
  switch (run.status) {
    case 'completed':
      return [`completed: ${accepted} of ${total} cells answered`, `answers: beacon results ${id}`];
    case 'completed_with_failures':
    case 'failed':
      return [
        `${statusText(run.status)}: ${accepted} of ${total} cells answered, ${failed} failed`,
        ...(unpaid > 0
          ? [
              `its budget was reached: ${unpaid} ${unpaid === 1 ? 'cell was' : 'cells were'} not asked`,
              `ask again, with a higher one: beacon runs retry ${id}${raised(run)}`,
            ]
          : [`ask again: beacon runs retry ${id}`]),
      ];
    case 'cancelled':
    case 'rejected':
    case 'expired':
      return [`${statusText(run.status)}: ${accepted} of ${total} cells had been answered`];
    case 'planned':
    case 'running':
    case 'awaiting_approval':
    case 'paused':
      return [];
  }
}

function raised({ budget }: WatchedRun): string {
  return [
    ...(budget.usd === null ? [] : [' --budget-usd USD']),
    ...(budget.gpu_seconds === null ? [] : [' --budget-gpu-seconds SECONDS']),
  ].join('');
}

/** The whole command on a line of its own: it is there to be copied. */
export function gateLines({ runId, gates }: WatchedRun): string[] {
  const waiting = gates.filter(({ status }) => status === 'waiting');
  return waiting.flatMap(({ gate_id: gate }) => [
    `gate ${printable(gate)} waits for approval:`,
    `  beacon runs approve ${runId}${waiting.length === 1 ? '' : ` ${printable(gate)}`}`,
  ]);
}

export function doneOf({ progress: { accepted, failed, cancelled } }: WatchedRun): number {
  return accepted + failed + cancelled;
}

export function statusText(status: RunStatus): string {
  return status.replaceAll('_', ' ');
}

/** The name goes before the status is cut. */
function headLine({ runId, name, status, cancelling }: WatchedRun, width: number): string {
  const title = printable(name);
  const state = `, ${statusText(status)}${cancelling ? ', being cancelled' : ''}`;
  const head = `run ${runId}`;
  if (title === '') return `${head}${state}`;
  const room = width - head.length - state.length - 1;
  return room < 4 ? `${head}${state}` : `${head} ${ellipsize(title, room)}${state}`;
}

function timeLeft({ status, etaSeconds }: WatchedRun): string {
  if (status === 'running' || status === 'planned')
    return etaSeconds === null ? 'time left unknown' : `${duration(etaSeconds)} left`;
  return statusText(status);
}

function countsOf({ progress: { running, pending, failed, substituted, cancelled } }: WatchedRun): string {
  return [
    `${running} running`,
    `${pending} waiting`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(substituted > 0 ? [`${substituted} substituted`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
  ].join(', ');
}

function faultsOf({ failed, substituted }: { failed: number; substituted: number }): string {
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(substituted > 0 ? [`${substituted} substituted`] : []),
  ];
  return parts.length === 0 ? '' : `  ${parts.join(', ')}`;
}

/** Where not all questions fit: those that are being worked on, and how many are before and after them. */
function inView(questions: readonly Count[], room: number): { shown: readonly Count[]; rest: string } {
  if (questions.length <= room) return { shown: questions, rest: '' };
  const open = questions.findIndex(({ done, total }) => done < total);
  const last = questions.length - (room - 1);
  const start = open === -1 ? last : Math.min(open, last);
  const shown = questions.slice(start, start + room - 1);
  const after = questions.length - start - shown.length;
  const done = questions.filter(({ done: is, total }) => is === total).length;
  return {
    shown,
    rest: `${start} questions before, ${after} after these; ${done} of ${questions.length} done`,
  };
}
