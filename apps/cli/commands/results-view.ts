import type { CellResultView } from '#contracts';
import { duration } from '../terminal/durations.js';
import { ellipsize, printable, widthOf } from '../terminal/text-table.js';

/** A result as it is shown: customers see no endpoint. */
export type ShownResult = Pick<
  CellResultView,
  | 'question_id'
  | 'model'
  | 'region'
  | 'repeat'
  | 'status'
  | 'response'
  | 'answered_region'
  | 'substituted'
  | 'attempts'
  | 'inference_time'
  | 'error_code'
  | 'erased'
>;

const NARROWEST_ANSWER = 20;
const COLUMNS = ['question', 'model', 'region', 'repeat', 'took', 'answer'];

/** Prints a row at a time, however many there are: the first rows say how wide the columns are. */
export class ResultTable {
  private widths: readonly number[] | undefined;

  constructor(private readonly width: number) {}

  lines(results: readonly ShownResult[]): string[] {
    const rows = results.map(rowOf);
    const isFirst = this.widths === undefined;
    const widths = (this.widths ??= COLUMNS.slice(0, -1).map((title, index) =>
      widthOf(
        title,
        rows.map((row) => row[index] ?? ''),
      ),
    ));
    const before = widths.reduce((sum, each) => sum + each + 2, 0);
    const answerChars = Math.max(NARROWEST_ANSWER, this.width - before);
    const join = (row: readonly string[]): string =>
      [
        ...widths.map((chars, index) => ellipsize(row[index] ?? '', chars).padEnd(chars)),
        ellipsize(row.at(-1) ?? '', answerChars),
      ]
        .join('  ')
        .trimEnd();
    return [...(isFirst ? [join(COLUMNS)] : []), ...rows.map(join)];
  }
}

function rowOf(result: ShownResult): string[] {
  const { question_id: question, model, region, repeat, inference_time: seconds } = result;
  return [
    ...[question, model, region, String(repeat), seconds === null ? '' : duration(seconds), answerOf(result)],
  ].map(printable);
}

function answerOf({
  status,
  response,
  substituted,
  answered_region: from,
  error_code: code,
  erased,
}: ShownResult): string {
  if (erased) return '(erased)';
  if (status !== 'accepted' || response === null) return `(${[status, code ?? ''].join(' ').trim()})`;
  return substituted ? `(from ${from ?? '?'}) ${response}` : response;
}
