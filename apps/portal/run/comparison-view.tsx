import type { AnswerOf } from '#router-client';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useId, useMemo, useState, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { formatCount, formatShare } from '../figures/format.js';
import { BUDGET_REACHED } from './budget-notice.js';
import { differenceOf } from './answer-difference.js';
import type { CellBoard } from './cell-board.js';

type Comparison = AnswerOf<'/runs/{id}/comparison', 'get'>;
type Answer = Comparison['answers'][number];

/** A choice among more questions is typed. */
const CHOICES_MAX = 500;

/** The answers to one question side by side: how each region's differs from one of them. */
export function ComparisonView({
  runId,
  board,
  question = board.questionIds[0],
  repeat = 1,
}: {
  readonly runId: string;
  readonly board: CellBoard;
  /** Left out: the first. */
  readonly question?: string | undefined;
  readonly repeat?: number;
}): ReactNode {
  const client = useClient();
  const number = question === undefined ? -1 : board.questionIds.indexOf(question);
  const comparison = useInfiniteQuery({
    // With every answer that comes it is read again.
    queryKey: ['run', runId, 'comparison', question, repeat, JSON.stringify(board.ofQuestion(number))],
    queryFn: ({ pageParam, signal }) =>
      answered(
        client.GET('/runs/{id}/comparison', {
          params: {
            path: { id: runId },
            query: { repeat, cursor: pageParam, ...(question === undefined ? {} : { question }) },
          },
          signal,
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) =>
      before?.pages[0]?.question_id === question && before?.pages[0]?.repeat === repeat ? before : undefined,
  });
  const { data, error } = comparison;
  const first = data?.pages[0];
  const answers = data?.pages.flatMap((page) => page.answers) ?? [];
  const similarities = data?.pages.flatMap((page) => page.similarities) ?? [];
  return (
    <section aria-labelledby="compare">
      <h2 id="compare">Answers by region</h2>
      <Choice runId={runId} board={board} question={question} repeat={repeat} />
      {error !== null && <ErrorNotice error={error} what="The answers could not be read" />}
      {first !== undefined && (
        <blockquote className="question-text">
          {first.question_erased ? <em>The text of the question has been erased.</em> : first.question}
        </blockquote>
      )}
      {first !== undefined && answers.length === 0 && <EmptyState title="Nobody was asked" />}
      {[...new Set(answers.map(({ model }) => model))].map((model) => (
        <Model
          key={model}
          model={model}
          answers={answers.filter((answer) => answer.model === model)}
          similarities={similarities}
        />
      ))}
      {comparison.hasNextPage && (
        <button
          type="button"
          disabled={comparison.isFetchingNextPage}
          onClick={() => void comparison.fetchNextPage()}
        >
          More answers
        </button>
      )}
    </section>
  );
}

function Choice({
  runId,
  board,
  question,
  repeat,
}: {
  readonly runId: string;
  readonly board: CellBoard;
  readonly question: string | undefined;
  readonly repeat: number;
}): ReactNode {
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState<string>();
  const id = useId();
  const ids = board.questionIds;
  const number = question === undefined ? -1 : ids.indexOf(question);
  const go = (toQuestion: string | undefined, toRepeat: number): void => {
    if (toQuestion !== undefined) navigate(`/runs/${runId}/compare/${toQuestion}/${toRepeat}`);
  };
  return (
    <div className="actions choice">
      <button type="button" disabled={number <= 0} onClick={() => go(ids[number - 1], repeat)}>
        Previous
      </button>
      <button
        type="button"
        disabled={number < 0 || number >= ids.length - 1}
        onClick={() => go(ids[number + 1], repeat)}
      >
        Next
      </button>
      <span className="field-inline">
        <label htmlFor={`${id}q`}>Question</label>
        {ids.length <= CHOICES_MAX ? (
          <select id={`${id}q`} value={question} onChange={({ target }) => go(target.value, repeat)}>
            {ids.map((each, index) => (
              <option key={each} value={each}>
                Q{index + 1} {each}
              </option>
            ))}
          </select>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              go(typed, repeat);
            }}
          >
            <input
              id={`${id}q`}
              value={typed ?? question ?? ''}
              onChange={({ target }) => setTyped(target.value)}
            />
          </form>
        )}
      </span>
      {board.repeats > 1 && (
        <span className="field-inline">
          <label htmlFor={`${id}r`}>Repeat</label>
          <input
            id={`${id}r`}
            type="number"
            min={1}
            max={board.repeats}
            value={repeat}
            onChange={({ target }) => {
              if (target.validity.valid) go(question, target.valueAsNumber);
            }}
          />
        </span>
      )}
    </div>
  );
}

function Model({
  model,
  answers,
  similarities,
}: {
  readonly model: string;
  readonly answers: readonly Answer[];
  readonly similarities: Comparison['similarities'];
}): ReactNode {
  const [chosen, setChosen] = useState<string>();
  const id = useId();
  // A substitute does not speak for its region.
  const fit = answers.filter(({ response, substituted }) => response !== null && !substituted);
  const baseline = fit.find(({ region }) => region === chosen) ?? fit[0];
  return (
    <section className="panel" aria-labelledby={`${id}h`}>
      <div className="heading">
        <h3 id={`${id}h`}>{model}</h3>
        {fit.length > 1 && baseline !== undefined && (
          <span className="field-inline heading-end">
            <label htmlFor={id}>Differences from</label>
            <select id={id} value={baseline.region} onChange={({ target }) => setChosen(target.value)}>
              {fit.map(({ region }) => (
                <option key={region}>{region}</option>
              ))}
            </select>
          </span>
        )}
      </div>
      <div className="answers">
        {answers.map((answer) => (
          <AnswerCard
            key={answer.region}
            answer={answer}
            baseline={answer === baseline ? undefined : baseline}
            similarity={similarityTo(answer, baseline, similarities)}
          />
        ))}
      </div>
    </section>
  );
}

function AnswerCard({
  answer,
  baseline,
  similarity,
}: {
  readonly answer: Answer;
  readonly baseline: Answer | undefined;
  readonly similarity: number | undefined;
}): ReactNode {
  const { region, status, substituted, answered_region: answeredRegion, refusal, erased, words } = answer;
  return (
    <article className={`answer${substituted ? ' answer-substituted' : ''}`} aria-label={region}>
      <header className="answer-head">
        <h4>{region}</h4>
        <StatusBadge status={substituted ? 'substituted' : status} />
        {refusal === true && <StatusBadge status="refusal" tone="warn" />}
        {words !== null && <span className="quiet-text">{formatCount(words)} words</span>}
        {similarity !== undefined && <span className="quiet-text">{formatShare(similarity, 1)} alike</span>}
      </header>
      {substituted && (
        <p className="answer-note">
          Answered by {answeredRegion} in the place of {region}: it does not count as {region}’s.
        </p>
      )}
      {erased && <p className="answer-note">The answer has been erased.</p>}
      <AnswerText answer={answer} baseline={baseline} />
    </article>
  );
}

/** Why a cell has no answer, or has none yet. */
function noAnswer({ status, error_code: code }: Answer): ReactNode {
  switch (status) {
    case 'failed':
      return (
        <>
          {code === BUDGET_REACHED
            ? 'It was not asked: the run’s budget might not have paid for it.'
            : 'It was given up without an answer.'}
          {code !== null && (
            <>
              {' '}
              <code>{code}</code>
            </>
          )}
        </>
      );
    case 'cancelled':
      return 'It was cancelled before it had an answer.';
    case 'pending':
    case 'submitted':
    case 'accepted':
      return 'No answer yet.';
  }
}

function AnswerText({
  answer,
  baseline,
}: {
  readonly answer: Answer;
  readonly baseline: Answer | undefined;
}): ReactNode {
  const { response, erased } = answer;
  const against = baseline?.response ?? undefined;
  const pieces = useMemo(
    () => (response === null || against === undefined ? undefined : differenceOf(against, response)),
    [response, against],
  );
  if (response === null) {
    if (erased) return null;
    return <p className="quiet-text">{noAnswer(answer)}</p>;
  }
  if (pieces === undefined) {
    return (
      <>
        {against !== undefined && <p className="quiet-text">Too different to mark word by word.</p>}
        <p className="answer-text">{response}</p>
      </>
    );
  }
  if (pieces.every(({ kind }) => kind === 'same')) {
    return (
      <>
        <p className="quiet-text">The same, word for word.</p>
        <p className="answer-text">{response}</p>
      </>
    );
  }
  return (
    <p className="answer-text">
      {pieces.map(({ kind, text }, index) =>
        kind === 'same' ? (
          text
        ) : kind === 'added' ? (
          <ins key={index}>
            <span className="unseen"> added: </span>
            {text}
          </ins>
        ) : (
          <del key={index}>
            <span className="unseen"> left out: </span>
            {text}
          </del>
        ),
      )}
    </p>
  );
}

function similarityTo(
  answer: Answer,
  baseline: Answer | undefined,
  similarities: Comparison['similarities'],
): number | undefined {
  if (baseline === undefined || answer === baseline) return undefined;
  const is = (side: { model: string; region: string }, of: Answer): boolean =>
    side.model === of.model && side.region === of.region;
  return similarities.find(
    ({ left, right }) =>
      (is(left, answer) && is(right, baseline)) || (is(left, baseline) && is(right, answer)),
  )?.similarity;
}
