import './queue.css';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useAsked } from '../dialogs/use-asked.js';
import { Heading } from '../frame/heading.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { OvertakenNotice } from '../notices/overtaken-notice.js';
import { useSession } from '../session/session.js';
import { formatCount } from '../figures/format.js';
import { Time } from '../figures/time.js';
import { ControlsPanel } from './controls-panel.js';
import { OrderDialog, type Done } from './order-dialog.js';
import { regionViews, type Order, type QueueStatus, type Target } from './queue-view.js';
import { RegionPanel } from './region-panel.js';
import { UndoButton, UndoDialog, type AskedUndo } from './undo.js';

/** A router that is away is asked less and less often. */
const REFRESH_MS_MAX = 30_000;

/** Queues and endpoints as they stand. Asked for again while they are looked at. */
export function QueuePage(): ReactNode {
  const client = useClient();
  const session = useSession();
  const [done, setDone] = useState<Done>();
  const [overtaken, setOvertaken] = useState<string>();
  const undo = useAsked<AskedUndo>();
  const ordering = useAsked<{ readonly order: Order; readonly target: Target }>();
  const status = useQuery({
    queryKey: ['queue'],
    queryFn: ({ signal }) => answered(client.GET('/queue/status', { signal })),
    refetchInterval: ({ state }) => Math.min(REFRESH_MS * 2 ** state.fetchFailureCount, REFRESH_MS_MAX),
  });
  const operates = session.may('operate');
  // What was told last holds.
  const tell = (told: { readonly done?: Done; readonly overtaken?: string }): void => {
    setDone(told.done);
    setOvertaken(told.overtaken);
  };
  return (
    <>
      <Heading title="Queue">
        {status.data !== undefined && (
          <p className="quiet-text heading-end">
            As of <Time at={status.data.as_of} />
          </p>
        )}
      </Heading>
      {status.isError && (
        <ErrorNotice
          error={status.error}
          what="The queue could not be read"
          onRetry={() => void status.refetch()}
        />
      )}
      {status.isPending && <p role="status">Reading the queue…</p>}
      <div role="status">
        {done !== undefined && (
          <div className="notice notice-good queue-done">
            <span>{done.text}</span>
            {done.changeId !== null && (
              <UndoButton changeId={done.changeId} what={done.text.replace(/\.$/, '')} onAsk={undo.ask} />
            )}
            <button type="button" className="quiet" onClick={() => setDone(undefined)}>
              Close
            </button>
          </div>
        )}
      </div>
      <OvertakenNotice text={overtaken} />
      {status.data !== undefined && (
        <>
          <Workspace status={status.data} />
          {regionViews(status.data).map((view) => (
            <RegionPanel
              key={view.region}
              view={view}
              onOrder={operates ? (next, target) => ordering.ask({ order: next, target }) : undefined}
            />
          ))}
        </>
      )}
      {operates && <ControlsPanel onUndo={undo.ask} />}
      {ordering.asked !== undefined && (
        <OrderDialog {...ordering.asked} onDone={(now) => tell({ done: now })} onClose={ordering.close} />
      )}
      {undo.asked !== undefined && (
        <UndoDialog
          asked={undo.asked}
          onDone={(now) => tell({ done: now })}
          onOvertaken={(text) => tell({ overtaken: text })}
          onClose={undo.close}
        />
      )}
    </>
  );
}

function Workspace({ status }: { readonly status: QueueStatus }): ReactNode {
  const { gpus_in_use: used, gpu_limit: limit, global_retry_queue_size: retries } = status;
  return (
    <section className="panel queue-workspace" aria-label="Workspace">
      <div className="queue-gpus">
        <label htmlFor="gpus">
          GPUs: {used} of {limit}
        </label>
        <meter id="gpus" min={0} max={Math.max(limit, used)} value={used}>
          {used} of {limit}
        </meter>
      </div>
      <p>
        {retries === 0
          ? 'No retry waits for a healthy region.'
          : `${formatCount(retries)} ${retries === 1 ? 'retry waits' : 'retries wait'} for a healthy region: the first that is free takes ${retries === 1 ? 'it' : 'each'}.`}
      </p>
    </section>
  );
}
