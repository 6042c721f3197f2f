import type { CellResultView } from '#contracts';
import { table, widthOf, wrap } from '../terminal/text-table.js';
import type { Style } from '../terminal/style.js';

export interface AnswersToShow {
  readonly questions: readonly { readonly id: string; readonly text: string }[];
  readonly models: readonly string[];
  readonly regions: readonly string[];
  readonly unavailable: readonly { readonly model: string; readonly region: string }[];
  readonly cells: readonly CellResultView[];
}

/** The longest simulated answer fits at 100 columns. */
const LINES_PER_ANSWER = 12;
const NOT_DEPLOYED = 'not deployed';
/** Says in every answer what the section's title says once. */
const MARK_OF_SIMULATION = / \(simulated [^()]*\)$/;

/** One table per question: a row for each model, a column for each region. */
export function answersByRegion(shown: AnswersToShow, width: number, style: Style): string[] {
  const { questions, models, regions } = shown;
  const modelChars = widthOf('', models);
  const regionChars = Math.max(
    12,
    Math.floor((width - 1 - modelChars - regions.length * 3) / regions.length),
  );
  const columns = [
    { title: '', width: modelChars },
    ...regions.map((title) => ({ title, width: regionChars })),
  ];
  return questions.flatMap(({ id, text }, index) => [
    '',
    ...wrap(`Q${index + 1}  ${text}  [${id}]`, width).map((line) => style.bold(line)),
    ...table(
      columns,
      models.map((model) => [model, ...regions.map((region) => answerText(shown, id, model, region))]),
      LINES_PER_ANSWER,
    ).map((line) => ` ${line}`),
  ]);
}

function answerText(shown: AnswersToShow, questionId: string, model: string, region: string): string {
  const { cells, unavailable } = shown;
  if (unavailable.some((pair) => pair.model === model && pair.region === region)) return NOT_DEPLOYED;
  const cell = cells.find(
    (one) => one.question_id === questionId && one.model === model && one.region === region,
  );
  if (cell === undefined) return 'MISSING';
  if (cell.status !== 'accepted') return `NO ANSWER: ${cell.status} ${cell.error_code ?? ''}`.trim();
  const answer = (cell.response ?? '').replace(MARK_OF_SIMULATION, '');
  return cell.substituted ? `(from ${cell.answered_region ?? '?'}) ${answer}` : answer;
}
