import type { AnswerOf } from '#router-client';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { Heading } from '../frame/heading.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { PageButtons } from '../paging/page-buttons.js';
import { usePages } from '../paging/use-pages.js';
import { useSession } from '../session/session.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Time, Took } from '../figures/time.js';
import { ProgressBar } from './progress-bar.js';

type RunSummary = AnswerOf<'/runs', 'get'>['runs'][number];

const PAGE_SIZE = 25;

const COLUMNS: readonly Column<RunSummary>[] = [
  {
    id: 'name',
    header: 'Run',
    rowHeader: true,
    wraps: true,
    cell: (run) => <Link href={`/runs/${run.run_id}`}>{run.name === '' ? run.run_id : run.name}</Link>,
  },
  {
    id: 'status',
    header: 'Status',
    cell: ({ status, cancelling }) => <StatusBadge status={cancelling ? 'cancelling' : status} />,
  },
  {
    id: 'progress',
    header: 'Answered',
    width: '16rem',
    cell: ({ name, run_id: id, progress }) => (
      <ProgressBar label={name === '' ? id : name} counts={progress} />
    ),
  },
  {
    id: 'failed',
    header: 'Failed',
    numeric: true,
    cell: ({ progress: { failed } }) => formatCount(failed),
  },
  {
    id: 'cells',
    header: 'Executions',
    numeric: true,
    cell: ({ total_cells: cells }) => formatCount(cells),
  },
  { id: 'order', header: 'Order', cell: ({ order }) => order },
  { id: 'created', header: 'Submitted', cell: ({ created_at: at }) => <Time at={at} /> },
  {
    id: 'took',
    header: 'Took',
    numeric: true,
    cell: ({ started_at: from, finished_at: to }) => <Took from={from} to={to} />,
  },
];

/** All runs that the caller may see, newest first. */
export function RunsPage(): ReactNode {
  const client = useClient();
  const session = useSession();
  const pages = usePages('runs');
  const { cursor } = pages;
  const runs = useQuery({
    queryKey: ['runs', cursor],
    queryFn: ({ signal }) =>
      answered(
        client.GET('/runs', {
          params: { query: { limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  });
  return (
    <>
      <Heading title="Runs">
        {session.may('submit') && (
          <Link href="/compose" className="button heading-end">
            New run
          </Link>
        )}
      </Heading>
      {runs.error !== null && <ErrorNotice error={runs.error} what="The runs could not be read" />}
      {runs.data !== undefined && runs.data.runs.length === 0 && pages.number === 1 && (
        <EmptyState title="There are no runs yet">
          <p>A run asks questions of models in several regions.</p>
        </EmptyState>
      )}
      {runs.data !== undefined && runs.data.runs.length > 0 && (
        <DataTable
          caption="Runs, newest first"
          columns={COLUMNS}
          rows={runs.data.runs}
          rowKey={(run) => run.run_id}
        />
      )}
      <PageButtons pages={pages} next={runs.data?.next_cursor} label="Pages of runs" />
    </>
  );
}
