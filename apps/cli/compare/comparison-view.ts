import type { ComparedAnswer, ComparisonView } from '#contracts';
import type { Style } from '../terminal/style.js';
import { printable, wrap } from '../terminal/text-table.js';
import { markDifferences, type MarkedWord } from './word-difference.js';

const INDENT = '   ';
const PERCENT = 100;

/**
 * One question: under each model the answers of its regions, one below the other. Words that the first region's answer
 * does not have are marked; where there are no colours, by brackets.
 */
export function comparisonLines(
  view: ComparisonView,
  width: number,
  style: Style,
  isPlain: boolean,
): string[] {
  const models = [...new Set(view.answers.map(({ model }) => model))];
  const repeat = view.repeats > 1 ? ` (repeat ${view.repeat} of ${view.repeats})` : '';
  const question = view.question_erased ? '(erased)' : view.question;
  return [
    ...wrap(`${view.question_id}${repeat}: ${question}`, width).map((line) => style.bold(line)),
    ...models.flatMap((model) => modelLines(view, model, { width, style, isPlain })),
  ];
}

interface Paper {
  readonly width: number;
  readonly style: Style;
  readonly isPlain: boolean;
}

function modelLines(view: ComparisonView, model: string, paper: Paper): string[] {
  const answers = view.answers.filter((answer) => answer.model === model);
  const base = answers.find(({ response, substituted }) => response !== null && !substituted);
  return [
    '',
    paper.style.bold(printable(model)),
    ...answers.flatMap((answer) => [
      ` ${printable(answer.region)}  ${paper.style.faint(remarksOn(answer, base, view))}`.trimEnd(),
      ...answerLines(answer, base, paper),
    ]),
  ];
}

function remarksOn(answer: ComparedAnswer, base: ComparedAnswer | undefined, view: ComparisonView): string {
  const likeness = base === undefined || answer === base ? undefined : similarityOf(view, answer, base);
  return [
    ...(answer.words === null ? [] : [`${answer.words} words`]),
    ...(answer.substituted ? [`answered by ${printable(answer.answered_region ?? '?')}`] : []),
    ...(answer.refusal === true ? ['reads like a refusal'] : []),
    ...(likeness === undefined || base === undefined
      ? []
      : [`${Math.round(PERCENT * likeness)} % like ${printable(base.region)}`]),
  ].join(', ');
}

function similarityOf(
  { similarities }: ComparisonView,
  one: ComparedAnswer,
  other: ComparedAnswer,
): number | undefined {
  const is = (side: { model: string; region: string }, answer: ComparedAnswer): boolean =>
    side.model === answer.model && side.region === answer.region;
  return similarities.find(
    ({ left, right }) => (is(left, one) && is(right, other)) || (is(left, other) && is(right, one)),
  )?.similarity;
}

function answerLines(answer: ComparedAnswer, base: ComparedAnswer | undefined, paper: Paper): string[] {
  const { response } = answer;
  if (response === null)
    return [`${INDENT}(${answer.erased ? 'erased' : answer.status.replaceAll('_', ' ')})`];
  const text = printable(response);
  const words =
    base === undefined || base === answer
      ? text.split(' ').map((word): MarkedWord => ({ word, differs: false }))
      : markDifferences(text, printable(base.response ?? ''));
  return wrapMarked(words, paper).map((line) => `${INDENT}${line}`);
}

/** Neighbouring words that differ are marked as one; marks cost no room on a terminal, and two letters in a file. */
function wrapMarked(words: readonly MarkedWord[], { width, style, isPlain }: Paper): string[] {
  const most = Math.max(20, width - INDENT.length);
  const lines: MarkedWord[][] = [[]];
  let chars = 0;
  for (const word of words) {
    const cost = [...word.word].length + (word.differs && isPlain ? 2 : 0);
    if (chars > 0 && chars + 1 + cost > most) {
      lines.push([]);
      chars = 0;
    }
    lines.at(-1)?.push(word);
    chars += cost + (chars > 0 ? 1 : 0);
  }
  return lines.map((line) =>
    groups(line)
      .map((group) => marked(group, style, isPlain))
      .join(' '),
  );
}

function groups(words: readonly MarkedWord[]): MarkedWord[][] {
  const found: MarkedWord[][] = [];
  for (const word of words) {
    const last = found.at(-1);
    if (last?.[0]?.differs === word.differs) last.push(word);
    else found.push([word]);
  }
  return found;
}

function marked(group: readonly MarkedWord[], style: Style, isPlain: boolean): string {
  const text = group.map(({ word }) => word).join(' ');
  if (group[0]?.differs !== true) return text;
  return isPlain ? `[${text}]` : style.marked(text);
}
