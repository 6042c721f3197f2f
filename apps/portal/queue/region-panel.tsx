import type { ReactNode } from 'react';
import { Fact } from '../facts/fact.js';
import { StatusBadge } from '../notices/status-badge.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Duration, Time } from '../figures/time.js';
import {
  endpointReasons,
  ordersFor,
  type EndpointStatus,
  type Order,
  type RegionView,
  type Target,
} from './queue-view.js';

const LABELS: Readonly<Record<Order, string>> = {
  pause: 'Pause',
  drain: 'Drain',
  resume: 'Resume',
  warm: 'Warm',
};

/** The queue of one region; its endpoints for those who operate. */
export function RegionPanel({
  view,
  onOrder,
}: {
  readonly view: RegionView;
  /** undefined: the caller may not give any. */
  readonly onOrder: ((order: Order, target: Target) => void) | undefined;
}): ReactNode {
  const { region, pause, waitReason } = view;
  const titleId = `region-${region}`;
  return (
    <section className="panel" aria-labelledby={titleId}>
      <div className="queue-head">
        <h2 id={titleId}>{region}</h2>
        {view.isPaused && <StatusBadge status="paused" />}
        {!view.dispatcherAlive && <StatusBadge status="no dispatcher" tone="bad" />}
        {view.inFlight > 0 && <StatusBadge status="processing" />}
        {onOrder !== undefined && (
          <OrderButtons
            target={{ kind: 'region', id: region }}
            isPausedItself={view.isPaused}
            onOrder={onOrder}
          />
        )}
      </div>
      {pause !== undefined && (
        <p className="quiet-text">
          Paused by <code>{pause.by}</code> since <Time at={pause.since} />
          {pause.until !== null && (
            <>
              {' '}
              until <Time at={pause.until} />
            </>
          )}
          {pause.reason !== null && <>: {pause.reason}</>}
        </p>
      )}
      <dl className="facts">
        <Fact name="Waiting">{formatCount(view.waiting)}</Fact>
        <Fact name="To be tried again">{formatCount(view.retrying)}</Fact>
        <Fact name="In flight">{formatCount(view.inFlight)}</Fact>
        <Fact name="Oldest wait">
          <Duration seconds={view.oldestWaitS} />
        </Fact>
        <Fact name="Completed">{formatCount(view.completed)}</Fact>
        <Fact name="Failed">{formatCount(view.failed)}</Fact>
      </dl>
      {waitReason !== null && (
        <p className="notice notice-warn queue-reason">
          <span className="notice-title">Jobs wait:</span> {waitReason}
        </p>
      )}
      <Models view={view} />
      {view.endpoints !== undefined && view.endpoints.length > 0 && (
        <Endpoints region={region} endpoints={view.endpoints} onOrder={onOrder} />
      )}
    </section>
  );
}

function Models({ view: { region, models } }: { readonly view: RegionView }): ReactNode {
  type Row = RegionView['models'][number];
  const columns: Column<Row>[] = [
    { id: 'model', header: 'Model', rowHeader: true, cell: ({ model }) => model },
    { id: 'queued', header: 'Waiting', numeric: true, cell: ({ queued }) => formatCount(queued) },
    { id: 'retrying', header: 'To try again', numeric: true, cell: ({ retrying }) => formatCount(retrying) },
    {
      id: 'processing',
      header: 'In flight',
      numeric: true,
      cell: ({ processing }) => formatCount(processing),
    },
    {
      id: 'takes',
      header: 'A call takes',
      numeric: true,
      cell: ({ median_execution_seconds: seconds }) => <Duration seconds={seconds} />,
    },
    {
      id: 'cold',
      header: 'With a cold start',
      numeric: true,
      cell: ({ median_cold_start_seconds: seconds }) => <Duration seconds={seconds} />,
    },
  ];
  if (models.length === 0) return <p className="quiet-text">Nothing is served here.</p>;
  return (
    <DataTable
      caption={`Models in ${region}`}
      columns={columns}
      rows={models}
      rowKey={({ model }) => model}
    />
  );
}

function Endpoints({
  region,
  endpoints,
  onOrder,
}: {
  readonly region: string;
  readonly endpoints: readonly EndpointStatus[];
  readonly onOrder: ((order: Order, target: Target) => void) | undefined;
}): ReactNode {
  const columns: Column<EndpointStatus>[] = [
    { id: 'endpoint', header: 'Endpoint', rowHeader: true, cell: ({ id }) => id },
    { id: 'state', header: 'State', cell: ({ state }) => <StatusBadge status={state} /> },
    {
      id: 'why',
      header: 'Why',
      wraps: true,
      cell: (endpoint) => {
        const reasons = endpointReasons(endpoint);
        return reasons.length === 0 ? <Nothing /> : reasons.join('; ');
      },
    },
    {
      id: 'slots',
      header: 'Slots',
      numeric: true,
      cell: ({ slots_in_use: used, concurrency }) => `${used} of ${concurrency}`,
    },
    { id: 'gpu', header: 'GPU', cell: ({ holds_gpu: holds }) => (holds ? 'held' : <Nothing />) },
    { id: 'models', header: 'Models', wraps: true, cell: ({ models }) => models.join(', ') },
    ...(onOrder === undefined
      ? []
      : [
          {
            id: 'orders',
            header: <span className="unseen">Orders</span>,
            cell: ({ id, paused }: EndpointStatus) => (
              <OrderButtons
                target={{ kind: 'endpoint', id }}
                isPausedItself={paused.some(({ target }) => target === 'endpoint')}
                onOrder={onOrder}
              />
            ),
          },
        ]),
  ];
  return (
    <DataTable
      caption={`Endpoints in ${region}`}
      columns={columns}
      rows={endpoints}
      rowKey={({ id }) => id}
    />
  );
}

function OrderButtons({
  target,
  isPausedItself,
  onOrder,
}: {
  readonly target: Target;
  readonly isPausedItself: boolean;
  readonly onOrder: (order: Order, target: Target) => void;
}): ReactNode {
  return (
    <span className="actions queue-orders">
      {ordersFor(isPausedItself).map((order) => (
        <button key={order} type="button" onClick={() => onOrder(order, target)}>
          {LABELS[order]}
          <span className="unseen">
            {' '}
            {target.kind} {target.id}
          </span>
        </button>
      ))}
    </span>
  );
}
