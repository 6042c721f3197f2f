import type {
  DiscardedManyView,
  ReceivedDeadLetterDetail,
  ReceivedDeadLetterList,
  RedrivenManyView,
  RedrivenView,
} from '#contracts';
import { printable, table, widthOf } from '../terminal/text-table.js';

const UUID_WIDTH = 36;

export function listLines({
  dead_letters: letters,
  counts,
  next_cursor: next,
}: ReceivedDeadLetterList): string[] {
  const rows = letters.map((letter) => [
    letter.job_id,
    letter.failed_at,
    `${letter.code}${letter.poison ? ' (poison)' : ''}`,
    workOf(letter),
    letter.region,
    letter.tenant,
    letter.state,
  ]);
  const titles = ['job', 'failed at', 'code', 'model', 'region', 'tenant', 'state'];
  const columns = titles.map((title, index) => ({
    title,
    width:
      index === 0
        ? UUID_WIDTH
        : widthOf(
            title,
            rows.map((row) => row[index] ?? ''),
          ),
  }));
  return [
    `${counts.open} open (${counts.poison} taken for poison), ${counts.redriven} redriven, ${counts.discarded} discarded`,
    ...(rows.length === 0 ? [] : ['', ...table(columns, rows)]),
    ...(next === null ? [] : ['', `more: --cursor ${next}`]),
  ];
}

export function detailLines(letter: ReceivedDeadLetterDetail): string[] {
  const optional = (name: string, value: string | null | undefined): string[] =>
    value === undefined || value === null || value === '' ? [] : [`${name}: ${printable(value)}`];
  return [
    `${letter.job_id} of ${letter.tenant}: ${letter.code}, ${letter.state}${letter.poison ? ', taken for poison' : ''}`,
    `${workOf(letter)} in ${letter.region}, failed ${letter.failed_at} after ${letter.attempt_count} attempts`,
    ...optional('detail', letter.detail),
    ...optional('run', letter.run_id),
    ...optional('task', letter.task_id),
    ...optional('task type', letter.task_type),
    ...optional('redriven from', letter.redriven_from),
    ...optional('redriven as', letter.redriven_as),
    ...optional('reason', letter.reason),
    ...optional('resolved by', letter.resolved_by),
    ...optional('erased at', letter.erased_at),
    ...letter.attempts.map(
      ({ attempt, region, endpoint_id: endpoint, status, error_code: code, detail }) =>
        `attempt ${attempt}: ${status} in ${region}${endpoint === null || endpoint === undefined ? '' : ` at ${endpoint}`}` +
        `${code === null ? '' : `, ${code}`}${detail === null || detail === undefined ? '' : `: ${printable(detail)}`}`,
    ),
  ];
}

/** Of a task a customer is told its type, not its model. */
function workOf({
  model,
  task_type: taskType,
}: Pick<ReceivedDeadLetterDetail, 'model' | 'task_type'>): string {
  return model ?? `task ${taskType ?? ''}`;
}

export function redrivenLine({ job_id: id, redriven_as: job, already }: RedrivenView): string[] {
  return [`${id} ${already ? 'had become' : 'becomes'} job ${job}`];
}

export function redrivenManyLines({
  redriven,
  skipped_by_reason: skipped,
  more,
}: RedrivenManyView): string[] {
  const passed = Object.entries(skipped).map(([reason, count]) => `${count} passed over: ${reason}`);
  return [`${redriven} redriven`, ...passed, ...(more ? ['there are more: ask again'] : [])];
}

export function discardedLine({ discarded, more }: DiscardedManyView): string[] {
  return [`${discarded} discarded`, ...(more ? ['there are more: ask again'] : [])];
}
