import type { RunListView } from '#contracts';
import type { RunFace } from '../faces.js';
import { duration } from '../terminal/durations.js';
import { sheet, type SheetStep } from '../terminal/sheet.js';
import { gpuSeconds, usd } from '../terminal/sums.js';
import { watchedRun } from '../watch/run-state.js';
import { closingLines, runBlock, statusText, type View } from '../watch/run-view.js';

/** An id is there to be copied, and whole as long as the terminal allows. */
const LIST_STEPS: readonly SheetStep[] = [
  ...[{ drop: 'order' }, { shorten: 'name', to: 12 }, { drop: 'created' }, { drop: 'took' }],
  ...[{ shorten: 'name', to: 6 }, { drop: 'failed' }, { shorten: 'status', to: 16 }, { drop: 'name' }],
  // "completed" is not to be taken for "completed with failures".
  ...[{ shorten: 'status', to: 10 }, { drop: 'answered' }, { shorten: 'run', to: 8 }],
];

/** @param room how wide it may be */
export function listLines({ runs, next_cursor: next }: RunListView, room = Infinity): string[] {
  if (runs.length === 0) return ['there are no runs yet: beacon run FILE'];
  return [
    ...sheet(
      ['run', 'name', 'status', 'order', '-answered', '-failed', 'created', '-took'],
      runs.map((run) => [
        ...[
          run.run_id,
          run.name,
          statusText(run.status),
          run.order,
          `${run.progress.accepted}/${run.progress.total}`,
          String(run.progress.failed),
        ],
        ...[run.created_at, tookOf(run)],
      ]),
      { room, steps: LIST_STEPS },
    ),
    ...(next === null ? [] : ['', `there are more: --cursor ${next}`]),
  ];
}

/** @param unpaid cells that the budget did not pay for */
export function showLines(run: RunFace, view: View, unpaid: number): string[] {
  const { budget, plan } = run;
  const bounds = [
    ...(budget.usd === null
      ? []
      : [`${budget.spent_usd === null ? '?' : usd(budget.spent_usd)} of ${usd(budget.usd)} USD`]),
    ...(budget.gpu_seconds === null
      ? []
      : [`${gpuSeconds(budget.spent_gpu_seconds)} of ${budget.gpu_seconds} GPU seconds`]),
  ];
  return [
    ...runBlock(watchedRun(run), view),
    '',
    `models ${run.models.join(', ')}; regions ${run.regions.join(', ')} (${run.region_policy}); ${run.repeats} ${run.repeats === 1 ? 'repeat' : 'repeats'}`,
    `order ${plan.order}: ${plan.reason}`,
    `created ${run.created_at}${run.finished_at === null ? '' : `, finished ${run.finished_at}`}`,
    ...(bounds.length === 0 ? [] : [`budget: ${bounds.join(', ')}`]),
    ...run.gates.map(
      ({ gate_id: gate, after_question: question, status }) => `gate ${gate} after ${question}: ${status}`,
    ),
    ...run.unavailable.map(({ model, region }) => `no cells: ${model} is not deployed in ${region}`),
    ...closingLines(watchedRun(run), unpaid),
  ];
}

function tookOf(run: RunListView['runs'][number]): string {
  const { started_at: from, finished_at: to } = run;
  return from === null || to === null ? '' : duration((Date.parse(to) - Date.parse(from)) / 1000);
}
