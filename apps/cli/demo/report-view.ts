import { realTime, simulatedTime } from './durations.js';
import { attemptsOf, endpointParts, makespanS, strayAnswers, type Evidence } from './findings.js';
import type { Check } from './receipt.js';
import type { Style } from '../terminal/style.js';
import { table, widthOf, wrap, type Column } from '../terminal/text-table.js';

/** How long the run took, with the time of each question. */
export function timesSection(
  evidence: Evidence,
  questionDone: ReadonlyMap<string, number>,
  width: number,
  style: Style,
): string[] {
  const { run, account } = evidence;
  const scale = account.time_scale;
  const seconds = makespanS(evidence);
  const questions = run.progress.by_question.map(({ question_id }, index) => {
    const doneS = questionDone.get(question_id);
    return `Q${index + 1} ${doneS === undefined ? '-' : simulatedTime(doneS * scale)}`;
  });
  return [
    style.bold('Times'),
    ...facts(width, [
      [
        'makespan',
        `${simulatedTime(seconds * scale)} simulated, ${realTime(seconds)} real (time passes ${scale} times as fast)`,
      ],
      ['order', `${run.plan.order} (${run.plan.requested_order} asked for: ${run.plan.reason})`],
      ['done after', `${questions.join(', ')} (simulated)`],
      ['cold starts', coldStarts(evidence)],
    ]),
  ];
}

export function attemptsSection(evidence: Evidence, width: number, style: Style): string[] {
  const { total, retries, failovers, byErrorCode } = attemptsOf(evidence);
  const codes = [...byErrorCode].map(([code, count]) => `${code} ${count}`);
  return [
    style.bold('Attempts'),
    ...facts(width, [
      ['attempts', `${total} for ${evidence.cells.length} cells: ${retries} retries, ${failovers} failovers`],
      ['failures', codes.length === 0 ? 'none' : codes.join(', ')],
      ...evidence.faults.map(({ what, hits, state }): [string, string] => [
        'injected',
        `${what} (${state === 'waiting' ? 'it never came to that' : `calls refused: ${hits}`})`,
      ]),
    ]),
  ];
}

/** Which endpoint gave which answers, and what it cost by the stand-in's meter. */
export function endpointsSection(evidence: Evidence, width: number, style: Style): string[] {
  const parts = endpointParts(evidence);
  const { gpu_seconds: gpuS, gpu_seconds_by: by, cost_usd: costUsd } = evidence.account.totals;
  const rows = parts.map(
    ({ id, gpu, answers, attempts, failedAttempts, coldStartS, gpuSeconds, costUsd: own }) => [
      ...[id, gpu, String(answers), String(attempts), String(failedAttempts)],
      ...[coldStartS === null ? '-' : simulatedTime(coldStartS), gpuSeconds.toFixed(0), dollars(own)],
    ],
  );
  const titles = ['endpoint', 'GPU', 'answers', 'attempts', 'failed', 'cold start', 'GPU s', 'meter'];
  const columns = titles.map((title, index): Column => ({
    title,
    width: widthOf(
      title,
      rows.map((row) => row[index] ?? ''),
    ),
    align: index < 2 ? 'left' : 'right',
  }));
  const strays = strayAnswers(evidence);
  return [
    style.bold("Where the answers came from, and what it cost by the stand-in's own meter"),
    ...table(columns, rows).map((line) => `  ${line}`),
    ...facts(width, [
      [
        'origin',
        strays.length === 0
          ? 'every answer came from the endpoint of its own region and model'
          : strays
              .map(
                ({ question_id, model, region, endpoint_id }) =>
                  `${question_id} / ${model} / ${region} from ${endpoint_id ?? 'an unknown endpoint'}`,
              )
              .join('; '),
      ],
      [
        'GPU time',
        `${gpuS.toFixed(0)} simulated s: ${by.cold_start.toFixed(0)} cold starts, ${by.busy.toFixed(0)} busy, ${by.idle.toFixed(0)} idle so far`,
      ],
      [
        'cost',
        `${dollars(costUsd)} by the stand-in's meter (list prices, simulated time): no money was spent`,
      ],
    ]),
  ];
}

export function receiptSection(checks: readonly Check[], style: Style): string[] {
  const nameChars = Math.max(...checks.map(({ name }) => name.length));
  return [
    style.bold('Receipt'),
    ...checks.map(({ name, ok, detail }) => {
      const verdict = ok ? style.good('    ok') : style.bad('NOT ok');
      return `  ${verdict}  ${name.padEnd(nameChars)}  ${detail}`;
    }),
  ];
}

function coldStarts(evidence: Evidence): string {
  const seconds = endpointParts(evidence).flatMap(({ coldStartS }) =>
    coldStartS === null ? [] : [coldStartS],
  );
  const { cold_starts: count, redirects_303: redirects } = evidence.account.totals;
  const range =
    seconds.length === 0
      ? ''
      : `, from ${simulatedTime(Math.min(...seconds))} to ${simulatedTime(Math.max(...seconds))} long`;
  return `${count}${range}; "still running" (303) was answered ${redirects} times, and followed`;
}

/** Names on the left, texts on the right, wrapped beside their names. */
function facts(width: number, pairs: readonly (readonly [string, string])[]): string[] {
  const nameChars = Math.max(...pairs.map(([name]) => name.length));
  return pairs.flatMap(([name, text]) =>
    wrap(text, width - nameChars - 4).map(
      (line, index) => `  ${(index === 0 ? name : '').padEnd(nameChars)}  ${line}`,
    ),
  );
}

function dollars(usd: number | null): string {
  return usd === null ? 'unknown' : `$${usd.toFixed(4)}`;
}
