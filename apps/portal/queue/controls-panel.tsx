import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { AnswerOf } from '#router-client';
import type { ReactNode } from 'react';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { Nothing } from '../figures/nothing.js';
import { Time } from '../figures/time.js';
import { undoableChanges, type Pause } from './queue-view.js';
import { UndoButton, type AskedUndo } from './undo.js';

type Operations = AnswerOf<'/operations', 'get'>;
type Change = AnswerOf<'/operations/changes', 'get'>['changes'][number];
type InForce = Pause & { readonly key: string; readonly what: string; readonly state: ReactNode };

/** Everything that is not as configured, and the history of how it came to be so. For those who operate. */
export function ControlsPanel({ onUndo }: { readonly onUndo: (asked: AskedUndo) => void }): ReactNode {
  const client = useClient();
  const operations = useQuery({
    queryKey: ['operations'],
    queryFn: ({ signal }) => answered(client.GET('/operations', { signal })),
    refetchInterval: REFRESH_MS,
  });
  const rows = operations.data === undefined ? [] : inForce(operations.data);
  const columns: Column<InForce>[] = [
    { id: 'what', header: 'In force', rowHeader: true, cell: ({ what }) => what },
    { id: 'state', header: 'State', wraps: true, cell: ({ state }) => state },
    { id: 'why', header: 'Why', wraps: true, cell: ({ reason }) => reason ?? <Nothing /> },
    { id: 'by', header: 'Who', cell: ({ by }) => <code className="queue-by">{by}</code> },
    { id: 'since', header: 'Since', cell: ({ since }) => <Time at={since} /> },
    { id: 'until', header: 'Until', cell: ({ until }) => <Time at={until} /> },
    {
      id: 'undo',
      header: <span className="unseen">Undo</span>,
      cell: ({ change_id: id, what }) => <UndoButton changeId={id} what={what} onAsk={onUndo} />,
    },
  ];
  return (
    <section aria-labelledby="controls">
      <h2 id="controls">Not as configured</h2>
      {operations.isError && (
        <ErrorNotice error={operations.error} what="What is in force could not be read" />
      )}
      {operations.isSuccess && rows.length === 0 && (
        <p className="quiet-text">Everything is as configured.</p>
      )}
      {rows.length > 0 && (
        <DataTable
          caption="What is in force and not as configured"
          columns={columns}
          rows={rows}
          rowKey={({ key }) => key}
        />
      )}
      <History onUndo={onUndo} />
    </section>
  );
}

function inForce({ pauses, warm, modes, settings }: Operations): InForce[] {
  const row = (control: Pause, what: string, state: ReactNode): InForce => ({
    ...control,
    key: what,
    what,
    state,
  });
  return [
    ...pauses.map((pause) =>
      row(
        pause,
        `${pause.drain ? 'Drain' : 'Pause'} of ${pause.target.kind} ${pause.target.id}`,
        pause.drained ? (
          <StatusBadge status="paused" />
        ) : (
          <>
            <StatusBadge status="draining" /> {pause.in_flight} in flight
          </>
        ),
      ),
    ),
    ...warm.map((order) =>
      row(
        order,
        `${order.target.kind === 'region' ? 'Region' : 'Endpoint'} ${order.target.id} kept warm`,
        <StatusBadge status="warm" />,
      ),
    ),
    ...modes.map((mode) =>
      row(
        mode,
        mode.mode === 'direct' ? 'Direct mode' : `Single-region mode: ${mode.region ?? ''}`,
        <StatusBadge status="in force" tone="warn" />,
      ),
    ),
    ...settings.flatMap(({ name, changed, configured, in_force: now }) =>
      changed === null
        ? []
        : [row(changed, `Setting ${name}`, `${now ?? 'no limit'} in place of ${configured ?? 'no limit'}`)],
    ),
  ];
}

function History({ onUndo }: { readonly onUndo: (asked: AskedUndo) => void }): ReactNode {
  const client = useClient();
  const changes = useInfiniteQuery({
    queryKey: ['operations', 'changes'],
    queryFn: ({ pageParam, signal }) =>
      answered(
        client.GET('/operations/changes', {
          params: { query: { limit: 20, ...(pageParam === 0 ? {} : { before: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: ({ next }) => next,
    refetchInterval: REFRESH_MS,
  });
  const rows = changes.data?.pages.flatMap((page) => page.changes) ?? [];
  const undoable = undoableChanges(rows);
  const whatOf = ({ kind, target }: Change): string => `${kind} of ${target.replace(':', ' ')}`;
  const columns: Column<Change>[] = [
    { id: 'id', header: 'Change', numeric: true, rowHeader: true, cell: ({ id }) => id },
    { id: 'at', header: 'At', cell: ({ at }) => <Time at={at} /> },
    { id: 'what', header: 'What', cell: whatOf },
    {
      id: 'became',
      header: 'Became',
      wraps: true,
      cell: ({ after, cause, undoes }) => (
        <>
          {after === null ? 'not in force' : 'in force'}
          {cause === 'undone' && ` (took back ${undoes ?? 'a change'})`}
          {cause === 'ended' && ' (its time was over)'}
        </>
      ),
    },
    { id: 'by', header: 'Who', cell: ({ by }) => <code className="queue-by">{by}</code> },
    { id: 'why', header: 'Why', wraps: true, cell: ({ reason }) => reason ?? <Nothing /> },
    {
      id: 'undo',
      header: <span className="unseen">Undo</span>,
      cell: (change) =>
        undoable.has(change.id) && <UndoButton changeId={change.id} what={whatOf(change)} onAsk={onUndo} />,
    },
  ];
  return (
    <details>
      <summary>Changes</summary>
      {changes.isError && <ErrorNotice error={changes.error} what="The changes could not be read" />}
      {changes.isSuccess && rows.length === 0 && <p className="quiet-text">Nothing has been changed yet.</p>}
      {rows.length > 0 && (
        <DataTable
          caption="Changes, the latest first"
          columns={columns}
          rows={rows}
          rowKey={({ id }) => id}
        />
      )}
      {changes.hasNextPage && (
        <button
          type="button"
          disabled={changes.isFetchingNextPage}
          onClick={() => void changes.fetchNextPage()}
        >
          Show earlier ones
        </button>
      )}
    </details>
  );
}
