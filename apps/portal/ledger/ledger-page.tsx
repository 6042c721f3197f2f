import './ledger.css';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useId, useState, type ReactNode } from 'react';
import { useClient, useRouter } from '../client/client-context.js';
import { answered, problemOf } from '../client/router-problem.js';
import { saveFile } from '../downloads/save-file.js';
import { Heading } from '../frame/heading.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { useSession } from '../session/session.js';
import { EntryList } from './entry-list.js';
import {
  ALL_ENTRIES,
  GROUPS,
  OUTCOMES,
  csvPath,
  filterOfGroup,
  queryOf,
  type Group,
  type LedgerFilter,
} from './ledger-filter.js';
import { SummaryTable, nameOf } from './summary-table.js';

/** What everything cost: for those with the role. */
export function LedgerPage(): ReactNode {
  const session = useSession();
  if (!session.may('ledger')) {
    return (
      <>
        <Heading title="Ledger" />
        <EmptyState title="This key may not read the ledger">
          <p>
            That needs the role <code>ledger</code>.
          </p>
        </EmptyState>
      </>
    );
  }
  return <Ledger />;
}

function Ledger(): ReactNode {
  const client = useClient();
  const [filter, setFilter] = useState<LedgerFilter>(ALL_ENTRIES);
  const [group, setGroup] = useState<Group>('day');
  const query = queryOf(filter);
  const summary = useQuery({
    queryKey: ['ledger', 'summary', query, group],
    queryFn: ({ signal }) =>
      answered(
        client.GET('/ledger/summary', {
          params: { query: { ...query, group_by: group, limit: 200 } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
  const hasEntries = summary.data !== undefined && summary.data.groups.some(({ value }) => value !== null);
  return (
    <>
      <Heading title="Ledger">
        <CsvButton path={csvPath(query)} />
      </Heading>
      <FilterForm filter={filter} group={group} onFilter={setFilter} onGroup={setGroup} />
      {summary.isError && (
        <ErrorNotice
          error={summary.error}
          what="The sums could not be read"
          onRetry={() => void summary.refetch()}
        />
      )}
      {summary.isPending && <p role="status">Summing up…</p>}
      {summary.data !== undefined && (
        <SummaryTable
          summary={summary.data}
          onPick={
            hasEntries && filterOfGroup(filter, summary.data.group_by, '') !== undefined
              ? (value) => setFilter(filterOfGroup(filter, summary.data.group_by, value) ?? filter)
              : undefined
          }
        />
      )}
      <EntryList query={query} />
    </>
  );
}

function CsvButton({ path }: { readonly path: string }): ReactNode {
  const router = useRouter();
  const download = useMutation({
    mutationFn: async () => {
      const response = await router.fetch(path);
      if (!response.ok) throw problemOf(await response.json().catch(() => undefined), response);
      saveFile('ledger.csv', await response.blob());
    },
  });
  return (
    <div className="heading-end">
      <button type="button" disabled={download.isPending} onClick={() => download.mutate()}>
        {download.isPending ? 'Fetching…' : 'Download as CSV'}
      </button>
      {download.isError && <ErrorNotice error={download.error} what="The table was not fetched" />}
    </div>
  );
}

function FilterForm({
  filter,
  group,
  onFilter,
  onGroup,
}: {
  readonly filter: LedgerFilter;
  readonly group: Group;
  readonly onFilter: (filter: LedgerFilter) => void;
  readonly onGroup: (group: Group) => void;
}): ReactNode {
  const id = useId();
  const text = (name: Exclude<keyof LedgerFilter, 'outcome'>, label: string, type = 'text'): ReactNode => (
    <div className="field">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <input
        id={`${id}-${name}`}
        type={type}
        autoComplete="off"
        spellCheck={false}
        value={filter[name]}
        onChange={({ target }) => onFilter({ ...filter, [name]: target.value })}
      />
    </div>
  );
  return (
    <form
      className="panel ledger-filter"
      role="search"
      aria-label="Which entries"
      onSubmit={(event) => event.preventDefault()}
    >
      <div className="field">
        <label htmlFor={`${id}-group`}>Sum up by</label>
        <select
          id={`${id}-group`}
          value={group}
          onChange={({ target }) => onGroup(GROUPS.find((each) => each === target.value) ?? 'day')}
        >
          {GROUPS.map((each) => (
            <option key={each} value={each}>
              {nameOf(each)}
            </option>
          ))}
        </select>
      </div>
      {text('from', 'From (UTC day)', 'date')}
      {text('to', 'To and with', 'date')}
      {text('model', 'Model')}
      {text('region', 'Region')}
      {text('tenant', 'Tenant')}
      {text('endpoint', 'Endpoint')}
      {text('runId', 'Run')}
      {text('jobId', 'Job')}
      {text('keyId', 'Key')}
      <div className="field">
        <label htmlFor={`${id}-outcome`}>Outcome</label>
        <select
          id={`${id}-outcome`}
          value={filter.outcome}
          onChange={({ target }) =>
            onFilter({ ...filter, outcome: OUTCOMES.find((each) => each === target.value) ?? '' })
          }
        >
          <option value="">any</option>
          {OUTCOMES.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </div>
      {JSON.stringify(filter) !== JSON.stringify(ALL_ENTRIES) && (
        <button type="button" onClick={() => onFilter(ALL_ENTRIES)}>
          All entries
        </button>
      )}
    </form>
  );
}
