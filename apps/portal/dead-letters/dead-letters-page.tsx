import './dead-letters.css';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Link, useParams } from 'wouter';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useAsked } from '../dialogs/use-asked.js';
import { Heading } from '../frame/heading.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { PageButtons } from '../paging/page-buttons.js';
import { usePages } from '../paging/use-pages.js';
import { useSession } from '../session/session.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Time } from '../figures/time.js';
import type { LetterAction } from './action-dialog.js';
import { FilterForm } from './filter-form.js';
import {
  OPEN_LETTERS,
  manyFilterOf,
  queryOf,
  wordsOf,
  type Letter,
  type LetterFilter,
} from './letter-filter.js';
import { LetterPage } from './letter-page.js';
import { ManyDialog } from './many-dialog.js';
import { SummaryPanel } from './summary-panel.js';

const PAGE_SIZE = 50;

/** Jobs that failed for good: all of them, or one. */
export function DeadLettersPage(): ReactNode {
  const session = useSession();
  const { job } = useParams<{ readonly job?: string }>();
  const mayChange = session.may('submit') || session.may('operate');
  if (job !== undefined && job !== '') return <LetterPage key={job} jobId={job} mayChange={mayChange} />;
  return <LetterList mayChange={mayChange} />;
}

function LetterList({ mayChange }: { readonly mayChange: boolean }): ReactNode {
  const client = useClient();
  const session = useSession();
  const operates = session.may('operate');
  const [filter, setFilter] = useState<LetterFilter>(OPEN_LETTERS);
  const { asked: action, ask, close } = useAsked<LetterAction>();
  const [done, setDone] = useState<string>();
  const query = queryOf(filter);
  const pages = usePages(JSON.stringify(query));
  const letters = useQuery({
    queryKey: ['dead-letters', query, pages.cursor],
    queryFn: ({ signal }) =>
      answered(
        client.GET('/dead-letters', {
          params: {
            query: {
              ...query,
              limit: PAGE_SIZE,
              ...(pages.cursor === undefined ? {} : { cursor: pages.cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 2 * REFRESH_MS,
  });
  const rows: readonly Letter[] = letters.data?.dead_letters ?? [];
  const counts = letters.data?.counts;
  const open = counts?.open ?? 0;
  // Only what is in sight may be changed as a whole: the figures of the filter before are no promise.
  const isSettled = letters.isSuccess && !letters.isPlaceholderData;
  return (
    <>
      <Heading title="Dead letters">
        {counts !== undefined && (
          <p className="quiet-text">
            {formatCount(open)} open, {formatCount(counts.redriven)} redriven, {formatCount(counts.discarded)}{' '}
            discarded
          </p>
        )}
        {mayChange && (
          <div className="actions heading-end">
            <button type="button" disabled={!isSettled || open === 0} onClick={() => ask('redrive')}>
              Redrive {formatCount(open)} open…
            </button>
            <button
              type="button"
              className="danger"
              disabled={!isSettled || open === 0}
              onClick={() => ask('discard')}
            >
              Discard {formatCount(open)} open…
            </button>
          </div>
        )}
      </Heading>
      <div role="status">{done !== undefined && <p className="notice notice-good">{done}</p>}</div>
      <SummaryPanel
        showsEndpoints={operates}
        onPick={(change) => setFilter({ ...OPEN_LETTERS, ...change })}
      />
      <FilterForm filter={filter} showsEndpoints={operates} onFilter={setFilter} />
      {letters.isError && (
        <ErrorNotice
          error={letters.error}
          what="The dead letters could not be read"
          onRetry={() => void letters.refetch()}
        />
      )}
      {letters.isPending && <p role="status">Reading the dead letters…</p>}
      {letters.isSuccess && rows.length === 0 && (
        <EmptyState title="There are none">
          <p>No job that failed for good matches.</p>
        </EmptyState>
      )}
      {rows.length > 0 && (
        <DataTable
          caption="Dead letters, the latest first"
          columns={columnsFor(operates)}
          rows={rows}
          rowKey={({ job_id: id }) => id}
        />
      )}
      <PageButtons pages={pages} next={letters.data?.next_cursor} label="Pages of dead letters" />
      {action !== undefined && (
        <ManyDialog
          action={action}
          filter={manyFilterOf(filter)}
          open={open}
          onDone={setDone}
          onClose={close}
        />
      )}
    </>
  );
}

function columnsFor(operates: boolean): Column<Letter>[] {
  return [
    {
      id: 'failed',
      header: 'Failed',
      rowHeader: true,
      cell: ({ failed_at: at, job_id: id }) => (
        <Link href={`/dead-letters/${id}`}>
          <Time at={at} /> <span className="unseen">job {id}</span>
        </Link>
      ),
    },
    {
      id: 'code',
      header: 'Code',
      cell: ({ code, poison }) => (
        <>
          <code className="letters-code">{code}</code> {poison && <StatusBadge status="poison" tone="warn" />}
        </>
      ),
    },
    {
      id: 'words',
      header: 'What was said',
      cell: (letter) => (
        <span className="letters-line" title={wordsOf(letter)}>
          {wordsOf(letter)}
        </span>
      ),
    },
    { id: 'model', header: 'Model', cell: ({ model, task_type: task }) => model ?? task ?? <Nothing /> },
    { id: 'region', header: 'Region', cell: ({ region }) => region },
    ...(operates
      ? [
          {
            id: 'endpoint',
            header: 'Endpoint',
            cell: (letter: Letter) => ('endpoint_id' in letter ? letter.endpoint_id : null) ?? <Nothing />,
          },
          { id: 'tenant', header: 'Tenant', cell: ({ tenant }: Letter) => tenant },
        ]
      : []),
    { id: 'attempts', header: 'Attempts', numeric: true, cell: ({ attempt_count: count }) => count },
    { id: 'state', header: 'State', cell: ({ state }) => <StatusBadge status={state} /> },
  ];
}
