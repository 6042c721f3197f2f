import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useParams } from 'wouter';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { Heading } from '../frame/heading.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { PageButtons } from '../paging/page-buttons.js';
import { usePages } from '../paging/use-pages.js';
import { ProgressBar } from '../runs/progress-bar.js';
import { useSession } from '../session/session.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Time } from '../figures/time.js';
import { BatchPage } from './batch-page.js';
import { endedAt, lineCounts, momentOf, type Batch } from './batch.js';
import { FileList } from './file-list.js';

const PAGE_SIZE = 25;

const COLUMNS: readonly Column<Batch>[] = [
  {
    id: 'batch',
    header: 'Batch',
    rowHeader: true,
    cell: ({ id }) => (
      <Link href={`/batches/${id}`} className="cut" title={id}>
        {id}
      </Link>
    ),
  },
  { id: 'status', header: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
  {
    id: 'progress',
    header: 'Answered',
    width: '12rem',
    cell: (batch) => <ProgressBar label={batch.id} counts={lineCounts(batch)} />,
  },
  {
    id: 'failed',
    header: 'Failed',
    numeric: true,
    cell: ({ request_counts: { failed } }) => formatCount(failed),
  },
  { id: 'model', header: 'Model', cell: ({ model }) => model ?? <Nothing /> },
  { id: 'created', header: 'Submitted', cell: ({ created_at: at }) => <Time at={momentOf(at)} /> },
  { id: 'deadline', header: 'Deadline', cell: ({ expires_at: at }) => <Time at={momentOf(at)} /> },
  { id: 'ended', header: 'Ended', cell: (batch) => <Time at={momentOf(endedAt(batch))} /> },
  {
    id: 'errors',
    header: 'Errors',
    cell: ({ errors }) => {
      const [first] = errors?.data ?? [];
      return first === undefined ? <Nothing /> : <code>{first.code}</code>;
    },
  },
];

/** Files of requests that are worked off as a whole: all of them and what is stored for them, or one. */
export function BatchesPage(): ReactNode {
  const { batch } = useParams<{ readonly batch?: string }>();
  const session = useSession();
  const mayChange = session.may('submit') || session.may('operate');
  if (batch !== undefined && batch !== '')
    return <BatchPage key={batch} batchId={batch} mayChange={mayChange} />;
  return (
    <>
      <Heading title="Batches" />
      <BatchList />
      <FileList mayChange={mayChange} />
    </>
  );
}

function BatchList(): ReactNode {
  const client = useClient();
  const pages = usePages('batches');
  const { cursor: after } = pages;
  const batches = useQuery({
    queryKey: ['batches', after],
    queryFn: ({ signal }) =>
      answered(
        client.GET('/v1/batches', {
          params: { query: { limit: PAGE_SIZE, ...(after === undefined ? {} : { after }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  });
  const rows: readonly Batch[] = batches.data?.data ?? [];
  return (
    <>
      {batches.error !== null && <ErrorNotice error={batches.error} what="The batches could not be read" />}
      {batches.isPending && <p role="status">Reading the batches…</p>}
      {batches.isSuccess && rows.length === 0 && (
        <EmptyState title="There are no batches">
          <p>A batch is made of an uploaded file of requests, with OpenAI’s clients or its API.</p>
        </EmptyState>
      )}
      {rows.length > 0 && (
        <DataTable caption="Batches, newest first" columns={COLUMNS} rows={rows} rowKey={({ id }) => id} />
      )}
      <PageButtons
        pages={pages}
        next={batches.data?.has_more === true ? batches.data.last_id : null}
        label="Pages of batches"
      />
    </>
  );
}
