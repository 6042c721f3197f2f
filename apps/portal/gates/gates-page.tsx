import './gates.css';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useAsked } from '../dialogs/use-asked.js';
import { Heading } from '../frame/heading.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { OvertakenNotice } from '../notices/overtaken-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { Time } from '../figures/time.js';
import { GateButtons, GateDialog, type AskedDecision } from './gate-decision.js';
import { TimeLeft } from './time-left.js';
import type { AnswerOf } from '#router-client';

type WaitingGate = AnswerOf<'/gates', 'get'>['gates'][number];

/** The gates that wait for a word, of all runs. */
export function GatesPage(): ReactNode {
  const client = useClient();
  const [overtaken, setOvertaken] = useState<string>();
  const { asked, ask, close } = useAsked<AskedDecision>();
  const gates = useInfiniteQuery({
    queryKey: ['gates'],
    queryFn: ({ pageParam, signal }) =>
      answered(
        client.GET('/gates', { params: { query: pageParam === '' ? {} : { cursor: pageParam } }, signal }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor: next }) => next,
    refetchInterval: REFRESH_MS,
  });
  const rows = gates.data?.pages.flatMap((page) => page.gates) ?? [];
  const columns: Column<WaitingGate>[] = [
    {
      id: 'run',
      header: 'Run',
      rowHeader: true,
      wraps: true,
      cell: ({ run_id: id, run_name: name }) => (
        <Link href={`/runs/${id}`}>{name === '' ? id.slice(0, 8) : name}</Link>
      ),
    },
    {
      id: 'after',
      header: 'After',
      cell: ({ after_question: after }) => (
        <code className="cut" title={after}>
          {after}
        </code>
      ),
    },
    { id: 'status', header: 'Run is', cell: ({ run_status: status }) => <StatusBadge status={status} /> },
    { id: 'since', header: 'Waits since', cell: ({ waiting_since: since }) => <Time at={since} /> },
    { id: 'until', header: 'Time to decide', cell: ({ expires_at: until }) => <TimeLeft until={until} /> },
    {
      id: 'decide',
      header: <span className="unseen">Decision</span>,
      cell: ({ run_id: runId, gate_id: gateId, after_question: afterQuestion }) => (
        <GateButtons gateId={gateId} onAsk={(decision) => ask({ runId, gateId, afterQuestion, decision })} />
      ),
    },
  ];
  return (
    <>
      <Heading title="Gates" />
      <OvertakenNotice text={overtaken} />
      {gates.isError && (
        <ErrorNotice
          error={gates.error}
          what="The gates could not be read"
          onRetry={() => void gates.refetch()}
        />
      )}
      {gates.isPending && <p role="status">Reading the gates…</p>}
      {gates.isSuccess && rows.length === 0 && (
        <EmptyState title="No run waits for a word">
          <p>A run with gates waits here until somebody approves, or its time is over.</p>
        </EmptyState>
      )}
      {rows.length > 0 && (
        <DataTable
          caption="Gates that wait for a decision, the one whose time is over first at the head"
          columns={columns}
          rows={rows}
          rowKey={({ run_id: id, gate_id: gate }) => `${id} ${gate}`}
        />
      )}
      {gates.hasNextPage && (
        <button type="button" disabled={gates.isFetchingNextPage} onClick={() => void gates.fetchNextPage()}>
          Show more
        </button>
      )}
      {asked !== undefined && <GateDialog asked={asked} onOvertaken={setOvertaken} onClose={close} />}
    </>
  );
}
