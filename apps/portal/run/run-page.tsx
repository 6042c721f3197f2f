import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { Heading } from '../frame/heading.js';
import { GatePanel } from '../gates/gate-panel.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { BudgetNotice } from './budget-notice.js';
import { CellsView } from './cells-view.js';
import { ComparisonView } from './comparison-view.js';
import { ProgressView } from './progress-view.js';
import { ReceiptView } from './receipt-view.js';
import { RunActions } from './run-actions.js';
import { RunFacts } from './run-facts.js';
import { TimelineView } from './timeline-view.js';
import { useRunFeed } from './use-run-feed.js';

/** What changes without an event: what was spent, the time that is left. */
const REFRESH_MS = 3000;
const REST_MS = 15_000;

const VIEWS = [
  ['progress', 'Progress'],
  ['cells', 'Cells'],
  ['timeline', 'Timeline'],
  ['compare', 'Compare'],
  ['receipt', 'Receipt and results'],
] as const;

/** @param view which of the run's views; undefined: progress */
export function RunPage({
  runId,
  view = 'progress',
  question,
  repeat,
}: {
  readonly runId: string;
  readonly view: string | undefined;
  /** To be compared; undefined: the first. */
  readonly question: string | undefined;
  readonly repeat: string | undefined;
}): ReactNode {
  const client = useClient();
  const run = useQuery({
    queryKey: ['run', runId],
    queryFn: ({ signal }) => answered(client.GET('/runs/{id}', { params: { path: { id: runId } }, signal })),
    refetchInterval: ({ state }) => (state.data?.finished_at === null ? REFRESH_MS : REST_MS),
  });
  const feed = useRunFeed(runId, run.data?.finished_at ?? null);
  if (run.data === undefined) {
    return (
      <>
        <Heading title="Run" />
        {run.error === null ? (
          <p role="status">Reading the run…</p>
        ) : (
          <ErrorNotice error={run.error} what="The run could not be read" />
        )}
      </>
    );
  }
  const { data } = run;
  const { board } = feed;
  return (
    <>
      <Heading title={data.name === '' ? `Run ${runId.slice(0, 8)}` : data.name}>
        <StatusBadge status={data.cancelling ? 'cancelling' : data.status} />
        <RunActions run={data} />
      </Heading>
      <Broken connection={feed.connection} />
      {feed.error !== undefined && <ErrorNotice error={feed.error} what="The cells could not be read" />}
      <RunFacts run={data} feed={feed} />
      {board !== undefined && <BudgetNotice run={data} board={board} />}
      <GatePanel runId={runId} gates={data.gates} />
      <nav aria-label="Views of the run">
        <ul className="tabs">
          {VIEWS.map(([name, label]) => (
            <li key={name}>
              <Link
                href={name === 'progress' ? `/runs/${runId}` : `/runs/${runId}/${name}`}
                aria-current={view === name ? 'page' : undefined}
              >
                {label}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {board === undefined ? (
        <p role="status">Reading the cells…</p>
      ) : (
        <>
          {view === 'progress' && <ProgressView run={data} board={board} />}
          {view === 'cells' && <CellsView runId={runId} board={board} />}
          {view === 'timeline' && <TimelineView run={data} />}
          {view === 'compare' && (
            <ComparisonView runId={runId} board={board} question={question} repeat={Number(repeat ?? 1)} />
          )}
          {view === 'receipt' && <ReceiptView run={data} />}
        </>
      )}
    </>
  );
}

function Broken({
  connection,
}: {
  readonly connection: ReturnType<typeof useRunFeed>['connection'];
}): ReactNode {
  if (connection.state !== 'waiting') return null;
  return (
    <div className="notice notice-warn" role="alert">
      <p className="notice-title">The connection is lost</p>
      <p>What is shown is what was known last. It is tried again by itself, and nothing will be missing.</p>
    </div>
  );
}
