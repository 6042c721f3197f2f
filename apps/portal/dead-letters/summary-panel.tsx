import { useQuery } from '@tanstack/react-query';
import type { AnswerOf } from '#router-client';
import { useState, type ReactNode } from 'react';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Time } from '../figures/time.js';
import type { LetterFilter } from './letter-filter.js';

type Group = AnswerOf<'/dead-letters/summary', 'get'>['groups'][number];

/** Open letters, by what they have in common: many of few requests point at the requests, many of many at the place. */
export function SummaryPanel({
  showsEndpoints,
  onPick,
}: {
  readonly showsEndpoints: boolean;
  readonly onPick: (change: Partial<LetterFilter>) => void;
}): ReactNode {
  const client = useClient();
  const [byEndpoint, setByEndpoint] = useState(false);
  const groupBy = byEndpoint ? 'code,endpoint' : 'code,model,region';
  const summary = useQuery({
    queryKey: ['dead-letters', 'summary', groupBy],
    queryFn: ({ signal }) =>
      answered(
        client.GET('/dead-letters/summary', { params: { query: { group_by: groupBy, limit: 50 } }, signal }),
      ),
    refetchInterval: 2 * REFRESH_MS,
  });
  const endpointOf = (group: Group): string | null => ('endpoint' in group ? group.endpoint : null);
  const columns: Column<Group>[] = [
    {
      id: 'code',
      header: 'Code',
      rowHeader: true,
      cell: ({ code }) => <code className="letters-code">{code}</code>,
    },
    ...(byEndpoint
      ? [{ id: 'endpoint', header: 'Endpoint', cell: (group: Group) => endpointOf(group) ?? <Nothing /> }]
      : [
          { id: 'model', header: 'Model', cell: ({ model }: Group) => model ?? <Nothing /> },
          { id: 'region', header: 'Region', cell: ({ region }: Group) => region ?? <Nothing /> },
        ]),
    { id: 'open', header: 'Open', numeric: true, cell: ({ open }) => formatCount(open) },
    {
      id: 'payloads',
      header: 'Different requests',
      numeric: true,
      cell: ({ payloads }) => formatCount(payloads),
    },
    { id: 'poison', header: 'Poison', numeric: true, cell: ({ poison }) => formatCount(poison) },
    { id: 'oldest', header: 'Oldest', cell: ({ oldest_at: at }) => <Time at={at} /> },
    { id: 'newest', header: 'Newest', cell: ({ newest_at: at }) => <Time at={at} /> },
    {
      id: 'pick',
      header: <span className="unseen">Show them</span>,
      cell: (group) => (
        <button
          type="button"
          onClick={() =>
            onPick({
              state: 'open',
              code: group.code ?? '',
              model: group.model ?? '',
              region: group.region ?? '',
              endpoint: endpointOf(group) ?? '',
            })
          }
        >
          Show<span className="unseen"> those with {group.code}</span>
        </button>
      ),
    },
  ];
  const groups = summary.data?.groups ?? [];
  if (summary.isError) return <ErrorNotice error={summary.error} what="The summary could not be read" />;
  if (groups.length === 0) return null;
  return (
    <section aria-labelledby="summary">
      <div className="heading">
        <h2 id="summary">Open ones, by what they have in common</h2>
        {showsEndpoints && (
          <label>
            <input
              type="checkbox"
              checked={byEndpoint}
              onChange={({ target }) => setByEndpoint(target.checked)}
            />{' '}
            By endpoint
          </label>
        )}
      </div>
      <DataTable
        caption="Open dead letters by what they have in common"
        columns={columns}
        rows={groups}
        rowKey={(group) => `${group.code} ${group.model} ${group.region} ${endpointOf(group)}`}
      />
    </section>
  );
}
