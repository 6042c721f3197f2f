import type { AnswerOf } from '#router-client';
import type { ReactNode } from 'react';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Duration } from '../figures/time.js';
import type { Group } from './ledger-filter.js';

export type Summary = AnswerOf<'/ledger/summary', 'get'>;
type Row = Summary['groups'][number];

export function SummaryTable({
  summary,
  onPick,
}: {
  readonly summary: Summary;
  /** undefined where a group's entries cannot be asked for. */
  readonly onPick: ((value: string) => void) | undefined;
}): ReactNode {
  const { groups, total, group_by: groupBy } = summary;
  // The dearest first is the router's order; days are read in their own.
  const rows =
    groupBy === 'day'
      ? [...groups].sort((left, right) => (left.value ?? '').localeCompare(right.value ?? ''))
      : groups;
  const dearest = Math.max(1, ...rows.map(({ total_micro_usd: cost }) => cost));
  const columns: Column<Row>[] = [
    {
      id: 'value',
      header: nameOf(groupBy),
      rowHeader: true,
      cell: ({ value }) =>
        value === null ? (
          <Nothing />
        ) : onPick === undefined ? (
          value
        ) : (
          <button type="button" className="quiet ledger-pick" onClick={() => onPick(value)}>
            {value}
            <span className="unseen">: only these</span>
          </button>
        ),
    },
    {
      id: 'cost',
      header: 'Cost',
      numeric: true,
      cell: ({ total_usd: cost, unpriced_entries: unpriced }) => (
        <>
          ${cost}
          {unpriced > 0 && <span className="unseen"> without {unpriced} that have no price</span>}
        </>
      ),
    },
    {
      id: 'share',
      header: <span className="unseen">Share</span>,
      width: '20%',
      cell: ({ total_micro_usd: cost }) => (
        <span className="ledger-share" style={{ width: `${(100 * cost) / dearest}%` }} aria-hidden="true" />
      ),
    },
    { id: 'calls', header: 'Calls', numeric: true, cell: ({ calls }) => formatCount(calls) },
    { id: 'accepted', header: 'Accepted', numeric: true, cell: ({ accepted }) => formatCount(accepted) },
    { id: 'cold', header: 'Cold starts', numeric: true, cell: ({ cold_starts: cold }) => formatCount(cold) },
    {
      id: 'gpu',
      header: 'GPU time',
      numeric: true,
      cell: ({ gpu_ms: ms }) => <Duration seconds={ms / 1000} />,
    },
    {
      id: 'idle',
      header: 'Of it idle',
      numeric: true,
      cell: ({ idle_ms: ms }) => <Duration seconds={ms / 1000} />,
    },
    { id: 'in', header: 'Tokens in', numeric: true, cell: ({ tokens_in: tokens }) => formatCount(tokens) },
    { id: 'out', header: 'Tokens out', numeric: true, cell: ({ tokens_out: tokens }) => formatCount(tokens) },
  ];
  return (
    <>
      <div className="panel">
        <dl className="facts">
          <Fact name="In all">${total.total_usd}</Fact>
          <Fact name="Entries">{formatCount(total.entries)}</Fact>
          <Fact name="Calls">{formatCount(total.calls)}</Fact>
          <Fact name="Accepted">{formatCount(total.accepted)}</Fact>
          <Fact name="GPU time">
            <Duration seconds={total.gpu_ms / 1000} />
          </Fact>
          <Fact name="Of it cold starts">
            <Duration seconds={total.cold_start_ms / 1000} />
          </Fact>
          <Fact name="Of it idle">
            <Duration seconds={total.idle_ms / 1000} />
          </Fact>
          <Fact name="Estimated entries">{formatCount(total.estimated_entries)}</Fact>
          {total.unpriced_entries > 0 && (
            <Fact name="Entries without a price">{formatCount(total.unpriced_entries)}</Fact>
          )}
        </dl>
      </div>
      {rows.length > 0 && (
        <DataTable
          caption={`Costs by ${nameOf(groupBy).toLowerCase()}`}
          columns={columns}
          rows={rows}
          rowKey={({ value }) => value ?? ''}
        />
      )}
      {summary.truncated && <p className="field-hint">The least dear ones are left out; the sum has them.</p>}
    </>
  );
}

const NAMES: Readonly<Partial<Record<Group, string>>> = { day: 'Day (UTC)', task_type: 'Task type' };

export function nameOf(group: Group): string {
  return NAMES[group] ?? `${group.charAt(0).toUpperCase()}${group.slice(1)}`;
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
