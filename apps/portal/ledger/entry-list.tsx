import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { PageButtons } from '../paging/page-buttons.js';
import { usePages } from '../paging/use-pages.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { Nothing } from '../figures/nothing.js';
import { Duration, Time } from '../figures/time.js';
import type { Entry, EntryPage, LedgerQuery } from './ledger-filter.js';

const PAGE_SIZE = 100;

const COLUMNS: readonly Column<Entry>[] = [
  { id: 'at', header: 'Ended', rowHeader: true, cell: ({ at }) => <Time at={at} /> },
  { id: 'kind', header: 'Kind', cell: ({ kind }) => kind },
  {
    id: 'outcome',
    header: 'Outcome',
    // Idle time has the outcome of the call before it.
    cell: ({ kind, outcome }) =>
      kind === 'idle' ? <Nothing /> : <StatusBadge status={outcome} tone={tone(outcome)} />,
  },
  {
    id: 'code',
    header: 'Code',
    cell: ({ error_code: code }) =>
      code === null ? <Nothing /> : <code className="ledger-code">{code}</code>,
  },
  { id: 'model', header: 'Model', cell: ({ model }) => model },
  { id: 'region', header: 'Region', cell: ({ region }) => region },
  { id: 'endpoint', header: 'Endpoint', cell: ({ endpoint_id: id }) => id },
  { id: 'gpu', header: 'GPU', cell: ({ gpu }) => gpu ?? <Nothing /> },
  { id: 'tenant', header: 'Tenant', cell: ({ tenant }) => tenant },
  {
    id: 'run',
    header: 'Run',
    cell: ({ run_id: run }) =>
      run === null ? <Nothing /> : <Link href={`/runs/${run}`}>{run.slice(0, 8)}</Link>,
  },
  {
    id: 'cold',
    header: 'Cold start',
    numeric: true,
    cell: ({ cold_start_ms: ms }) => <Duration seconds={ms / 1000} />,
  },
  {
    id: 'time',
    header: 'GPU time',
    numeric: true,
    cell: ({ gpu_ms: ms }) => <Duration seconds={ms / 1000} />,
  },
  {
    id: 'cost',
    header: 'Cost',
    numeric: true,
    cell: ({ total_usd: cost, unpriced }) => (unpriced ? `$${cost}, without a price` : `$${cost}`),
  },
];

function tone(outcome: Entry['outcome']): 'good' | 'bad' | 'stopped' | 'warn' {
  switch (outcome) {
    case 'succeeded':
      return 'good';
    case 'failed':
    case 'refused':
      return 'bad';
    case 'cancelled':
      return 'stopped';
    case 'lost':
    case 'orphaned':
      return 'warn';
  }
}

/** Entries, the latest first, page by page. */
export function EntryList({ query }: { readonly query: LedgerQuery }): ReactNode {
  const client = useClient();
  const pages = usePages(JSON.stringify(query));
  const list = useQuery({
    queryKey: ['ledger', 'entries', query, pages.cursor],
    queryFn: async ({ signal }) => {
      const page = await answered(
        client.GET('/ledger', {
          params: {
            query: {
              ...query,
              order: 'desc',
              limit: PAGE_SIZE,
              ...(pages.cursor === undefined ? {} : { cursor: pages.cursor }),
            },
          },
          signal,
        }),
      );
      // JSON is what it answers unless another form is asked for.
      return page as EntryPage;
    },
    placeholderData: keepPreviousData,
  });
  const entries = list.data?.entries ?? [];
  return (
    <section aria-labelledby="entries">
      <h2 id="entries">Entries</h2>
      {list.isError && (
        <ErrorNotice
          error={list.error}
          what="The entries could not be read"
          onRetry={() => void list.refetch()}
        />
      )}
      {list.isPending && <p role="status">Reading the entries…</p>}
      {list.isSuccess && entries.length === 0 && <EmptyState title="No entry matches" />}
      {entries.length > 0 && (
        <DataTable
          caption="Entries, the latest first"
          columns={COLUMNS}
          rows={entries}
          rowKey={({ entry_no: number }) => number}
        />
      )}
      <PageButtons pages={pages} next={list.data?.next_cursor} label="Pages of entries" />
    </section>
  );
}
