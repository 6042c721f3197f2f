import { useQuery } from '@tanstack/react-query';
import type { AnswerOf } from '#router-client';
import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useAsked } from '../dialogs/use-asked.js';
import { Heading } from '../frame/heading.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { Nothing } from '../figures/nothing.js';
import { Duration, Time } from '../figures/time.js';
import { wordsOf } from './letter-filter.js';
import type { LetterAction } from './action-dialog.js';
import { OneDialog } from './one-dialog.js';

type Detail = AnswerOf<'/dead-letters/{job_id}', 'get'>;
type Attempt = Detail['attempts'][number];

/** One letter and what was tried. */
export function LetterPage({
  jobId,
  mayChange,
}: {
  readonly jobId: string;
  readonly mayChange: boolean;
}): ReactNode {
  const client = useClient();
  const { asked: action, ask, close } = useAsked<LetterAction>();
  const [done, setDone] = useState<string>();
  const letter = useQuery({
    queryKey: ['dead-letter', jobId],
    queryFn: ({ signal }) =>
      answered(client.GET('/dead-letters/{job_id}', { params: { path: { job_id: jobId } }, signal })),
  });
  const { data } = letter;
  return (
    <>
      <Heading title="Dead letter">
        {data !== undefined && <StatusBadge status={data.state} />}
        {data?.poison === true && <StatusBadge status="poison" tone="warn" />}
        <Link href="/dead-letters" className="heading-end">
          All dead letters
        </Link>
      </Heading>
      <div role="status">{done !== undefined && <p className="notice notice-good">{done}</p>}</div>
      {letter.isPending && <p role="status">Reading the letter…</p>}
      {letter.isError && (
        <ErrorNotice
          error={letter.error}
          what="The letter could not be read"
          onRetry={() => void letter.refetch()}
        />
      )}
      {data !== undefined && (
        <>
          <Facts letter={data} />
          {mayChange && (
            <div className="actions letters-actions">
              {data.erased_at === null && data.run_id === null && data.state !== 'discarded' && (
                <button type="button" onClick={() => ask('redrive')}>
                  Redrive…
                </button>
              )}
              {data.state === 'open' && (
                <button type="button" className="danger" onClick={() => ask('discard')}>
                  Discard…
                </button>
              )}
            </div>
          )}
          <Attempts attempts={data.attempts} />
          {action !== undefined && (
            <OneDialog action={action} letter={data} onDone={setDone} onClose={close} />
          )}
        </>
      )}
    </>
  );
}

function Facts({ letter }: { readonly letter: Detail }): ReactNode {
  const facts: [string, ReactNode][] = [
    ['Job', <code key="job">{letter.job_id}</code>],
    ['Code', <code key="code">{letter.code}</code>],
    ['Failed', <Time key="failed" at={letter.failed_at} />],
    ['Model', letter.model ?? <Nothing key="model" />],
    ['Region', letter.region],
    ['Tenant', letter.tenant],
    ['Attempts', letter.attempt_count],
  ];
  if ('endpoint_id' in letter) facts.push(['Endpoint', letter.endpoint_id ?? <Nothing key="endpoint" />]);
  if (letter.task_id !== null) facts.push(['Task', `${letter.task_id} (${letter.task_type ?? 'no type'})`]);
  if (letter.run_id !== null)
    facts.push([
      'Run',
      <Link key="run" href={`/runs/${letter.run_id}`}>
        {letter.run_id.slice(0, 8)}
      </Link>,
    ]);
  if (letter.redriven_from !== null)
    facts.push([
      'Redriven from',
      <Link key="from" href={`/dead-letters/${letter.redriven_from}`}>
        {letter.redriven_from.slice(0, 8)}
      </Link>,
    ]);
  if (letter.redriven_as !== null) facts.push(['Redriven as', <code key="as">{letter.redriven_as}</code>]);
  if (letter.resolved_at !== null) facts.push(['Resolved', <Time key="resolved" at={letter.resolved_at} />]);
  if ('resolved_by' in letter && letter.resolved_by !== null)
    facts.push(['Resolved by', <code key="by">{letter.resolved_by}</code>]);
  if (letter.reason !== null) facts.push(['Reason', letter.reason]);
  if (letter.erased_at !== null) facts.push(['Erased', <Time key="erased" at={letter.erased_at} />]);
  return (
    <section className="panel stack" aria-label="What is known of it">
      <p className="letters-words">{wordsOf(letter)}</p>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {letter.run_id !== null && letter.state === 'open' && (
        <p className="field-hint">
          It answers a cell of a run, and is asked again with the run’s failed cells.
        </p>
      )}
    </section>
  );
}

function Attempts({ attempts }: { readonly attempts: readonly Attempt[] }): ReactNode {
  const isWhole = attempts.some((attempt) => 'endpoint_id' in attempt);
  const columns: Column<Attempt>[] = [
    { id: 'attempt', header: 'Attempt', numeric: true, rowHeader: true, cell: ({ attempt }) => attempt },
    { id: 'region', header: 'Region', cell: ({ region }) => region },
    ...(isWhole
      ? [
          {
            id: 'endpoint',
            header: 'Endpoint',
            cell: (attempt: Attempt) =>
              ('endpoint_id' in attempt ? attempt.endpoint_id : null) ?? <Nothing />,
          },
        ]
      : []),
    { id: 'status', header: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
    {
      id: 'code',
      header: 'Code',
      cell: ({ error_code: code }) => (code === null ? <Nothing /> : <code>{code}</code>),
    },
    ...(isWhole
      ? [
          {
            id: 'said',
            wraps: true,
            header: 'What was said',
            cell: (attempt: Attempt) =>
              'detail' in attempt && attempt.detail !== null ? (
                <>
                  {attempt.detail}
                  {attempt.http_status !== null && ` (HTTP ${attempt.http_status ?? ''})`}
                </>
              ) : (
                <Nothing />
              ),
          },
        ]
      : []),
    { id: 'began', header: 'Began', cell: ({ started_at: at }) => <Time at={at} /> },
    {
      id: 'took',
      header: 'Took',
      numeric: true,
      cell: ({ execution_ms: ms }) => <Duration seconds={ms === null ? null : ms / 1000} />,
    },
  ];
  return (
    <section aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      {attempts.length === 0 ? (
        <p className="quiet-text">None was made.</p>
      ) : (
        <DataTable caption="Attempts" columns={columns} rows={attempts} rowKey={({ attempt }) => attempt} />
      )}
    </section>
  );
}
