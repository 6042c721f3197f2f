import type { AnswerOf } from '#router-client';
import { useEffect, useState, type ReactNode } from 'react';
import { Fact } from '../facts/fact.js';
import { ProgressBar } from '../runs/progress-bar.js';
import { formatCount, formatDuration, formatUsd, roughly } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Time, Took } from '../figures/time.js';
import { totalOf } from './cell-board.js';
import type { RunFeed } from './run-feed.js';

export type Run = AnswerOf<'/runs/{id}', 'get'>;

const TICK_MS = 1000;
/** Screen readers are told of progress no more often. */
const TELL_MS = 10_000;

/** How far the run is, in figures. */
export function RunFacts({ run, feed }: { readonly run: Run; readonly feed: RunFeed }): ReactNode {
  const { board, progress } = feed;
  const goesOn = run.finished_at === null;
  const now = useNow(goesOn);
  const counts =
    board === undefined || !board.complete
      ? undefined
      : { ...board.counts(), total: totalOf(board.counts()) };
  const bar =
    counts === undefined ? run.progress : { ...counts, accepted: counts.accepted + counts.substituted };
  const total = bar.total;
  const leftS = goesOn ? remainingSeconds(run, progress, now) : null;
  const { spent_usd: spentUsd, usd: boundUsd, gpu_seconds: boundGpuS } = run.budget;
  const { estimated_cost_usd: plannedUsd } = run.plan;
  return (
    <section className="panel stack" aria-label="Summary">
      <ProgressBar label="Executions" counts={bar} />
      <dl className="facts">
        <Fact name="Answered">
          <span data-testid="executions">
            {formatCount(bar.accepted)}/{formatCount(total)} executions
          </span>
        </Fact>
        <Fact name="Running">{formatCount(bar.running)}</Fact>
        <Fact name="Failed">{formatCount(bar.failed)}</Fact>
        {bar.substituted > 0 && <Fact name="Substituted">{formatCount(bar.substituted)}</Fact>}
        {bar.cancelled > 0 && <Fact name="Cancelled">{formatCount(bar.cancelled)}</Fact>}
        {goesOn ? (
          <Fact name="Time remaining">{leftS === null ? <Nothing /> : remainingText(leftS, run.status)}</Fact>
        ) : (
          <Fact name="Took">
            <Took from={run.started_at} to={run.finished_at} />
          </Fact>
        )}
        {spentUsd !== null && <Fact name="Spent">{formatUsd(spentUsd)}</Fact>}
        {boundUsd !== null && <Fact name="Budget">{formatUsd(boundUsd)}</Fact>}
        {boundGpuS !== null && <Fact name="Budget of GPU time">{formatDuration(boundGpuS)}</Fact>}
        {plannedUsd !== null && plannedUsd !== undefined && (
          <Fact name="Planned cost">{formatUsd(plannedUsd)}</Fact>
        )}
        <Fact name="Order">{run.order}</Fact>
        <Fact name="Submitted">
          <Time at={run.created_at} />
        </Fact>
        <Fact name="Run">
          <code>{run.run_id}</code>
        </Fact>
      </dl>
      <Told
        text={`${bar.accepted} of ${total} executions answered, ${bar.failed} failed${
          leftS === null ? '' : `, time remaining: ${remainingText(leftS, run.status)}`
        }`}
      />
    </section>
  );
}

/** Progress for those who listen: as it is now and then, not each time it changes. */
function Told({ text }: { readonly text: string }): ReactNode {
  const [told, setTold] = useState({ text, atMs: 0 });
  useEffect(() => {
    const timer = setTimeout(
      () => setTold({ text, atMs: performance.now() }),
      Math.max(0, told.atMs + TELL_MS - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [text, told.atMs]);
  return (
    <p className="unseen" role="status">
      {told.text}
    </p>
  );
}

/** @param leftS 0 at a gate: no question comes after it */
function remainingText(leftS: number, status: Run['status']): string {
  const once = status === 'awaiting_approval' ? ' once approved' : '';
  return leftS === 0 && once !== '' ? `nothing${once}` : `about ${roughly(leftS)}${once}`;
}

/** The later word of the two counts, and the time since it was given. */
function remainingSeconds(run: Run, progress: RunFeed['progress'], nowMs: number): number | null {
  if (run.status === 'paused' || run.status === 'awaiting_approval') return run.eta_seconds;
  if (progress === undefined || progress.eta_seconds === null) return run.eta_seconds;
  return Math.max(0, progress.eta_seconds - Math.max(0, nowMs - Date.parse(progress.at)) / 1000);
}

function useNow(isTicking: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isTicking) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [isTicking]);
  return now;
}
