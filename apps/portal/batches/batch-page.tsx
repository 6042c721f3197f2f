import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import { Fact } from '../facts/fact.js';
import { Heading } from '../frame/heading.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { ProgressBar } from '../runs/progress-bar.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { Time } from '../figures/time.js';
import { endedAt, hasEnded, lineCounts, mayBeCancelled, momentOf, type Batch } from './batch.js';
import { DownloadButton } from './download-button.js';

type BatchError = NonNullable<Batch['errors']>['data'][number];

/** One batch: how far it is, what was wrong with it, and its files. */
export function BatchPage({
  batchId,
  mayChange,
}: {
  readonly batchId: string;
  readonly mayChange: boolean;
}): ReactNode {
  const client = useClient();
  const [isAsked, setAsked] = useState(false);
  const params = { path: { batch_id: batchId } };
  const read = useQuery({
    queryKey: ['batch', batchId],
    queryFn: ({ signal }) => answered(client.GET('/v1/batches/{batch_id}', { params, signal })),
    refetchInterval: ({ state }) => (state.data !== undefined && hasEnded(state.data) ? false : REFRESH_MS),
  });
  const batch = read.data;
  return (
    <>
      <Heading title="Batch">
        {batch !== undefined && <StatusBadge status={batch.status} />}
        {batch !== undefined && mayChange && mayBeCancelled(batch) && (
          <button type="button" className="danger heading-end" onClick={() => setAsked(true)}>
            Cancel batch…
          </button>
        )}
      </Heading>
      <p>
        <Link href="/batches">All batches</Link>
      </p>
      {read.error !== null && <ErrorNotice error={read.error} what="The batch could not be read" />}
      {read.isPending && <p role="status">Reading the batch…</p>}
      {batch !== undefined && (
        <>
          <Summary batch={batch} />
          <Files batch={batch} />
          <Errors batch={batch} />
        </>
      )}
      {isAsked && <CancelDialog batchId={batchId} onClose={() => setAsked(false)} />}
    </>
  );
}

function Summary({ batch }: { readonly batch: Batch }): ReactNode {
  const counts = lineCounts(batch);
  return (
    <section className="panel stack" aria-label="Summary">
      <ProgressBar label="Requests" counts={counts} />
      <dl className="facts">
        <Fact name="Answered">{formatCount(counts.accepted)}</Fact>
        <Fact name="Failed">{formatCount(counts.failed)}</Fact>
        {counts.cancelled > 0 && <Fact name="Not answered">{formatCount(counts.cancelled)}</Fact>}
        <Fact name="Requests">{formatCount(counts.total)}</Fact>
        <Fact name="Model">{batch.model ?? <Nothing />}</Fact>
        <Fact name="Asked at">
          <code>{batch.endpoint}</code>
        </Fact>
        <Fact name="Submitted">
          <Time at={momentOf(batch.created_at)} />
        </Fact>
        <Fact name="Deadline">
          <Time at={momentOf(batch.expires_at)} />
        </Fact>
        {hasEnded(batch) && (
          <Fact name="Ended">
            <Time at={momentOf(endedAt(batch))} />
          </Fact>
        )}
        {batch.usage !== undefined && (
          <Fact name="Tokens">
            {formatCount(batch.usage.input_tokens)} in, {formatCount(batch.usage.output_tokens)} out
          </Fact>
        )}
        <Fact name="Batch">
          <code>{batch.id}</code>
        </Fact>
      </dl>
    </section>
  );
}

function Files({ batch }: { readonly batch: Batch }): ReactNode {
  const files = [
    ['Input file', batch.input_file_id, 'input'],
    ['Output file', batch.output_file_id, 'output'],
    ['Error file', batch.error_file_id, 'errors'],
  ] as const;
  return (
    <section aria-labelledby="batch-files">
      <h2 id="batch-files">Files</h2>
      <div className="actions panel">
        {files.map(
          ([name, fileId, word]) =>
            fileId !== null && (
              <DownloadButton key={word} fileId={fileId} fileName={`${batch.id}-${word}.jsonl`}>
                Download {name.toLowerCase()}
              </DownloadButton>
            ),
        )}
      </div>
      {batch.output_file_id === null && batch.error_file_id === null && (
        <p className="quiet-text">
          {hasEnded(batch) ? 'It wrote no results.' : 'Results are written when it ends.'}
        </p>
      )}
    </section>
  );
}

const ERRORS: readonly Column<BatchError & { readonly no: number }>[] = [
  {
    id: 'line',
    header: 'Line',
    rowHeader: true,
    cell: ({ line }) => (line === null ? 'the file' : formatCount(line)),
  },
  { id: 'code', header: 'Code', cell: ({ code }) => <code>{code}</code> },
  { id: 'message', header: 'What is wrong', wraps: true, cell: ({ message }) => message },
];

/** Why it was not taken, or has failed as a whole; what single requests failed with is in the error file. */
function Errors({ batch: { errors } }: { readonly batch: Batch }): ReactNode {
  if (errors === null || errors.data.length === 0) return null;
  return (
    <DataTable
      caption="Errors"
      showCaption
      columns={ERRORS}
      rows={errors.data.map((error, no) => ({ ...error, no }))}
      rowKey={({ no }) => no}
    />
  );
}

function CancelDialog({
  batchId,
  onClose,
}: {
  readonly batchId: string;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const queries = useQueryClient();
  const params = { path: { batch_id: batchId } };
  const cancel = useSingleMutation({
    mutationFn: () => answered(client.POST('/v1/batches/{batch_id}/cancel', { params })),
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <ConfirmDialog
      title="Cancel the batch?"
      action="Cancel batch"
      cancel="Keep it running"
      danger
      isBusy={cancel.isPending}
      error={cancel.error}
      onConfirm={() => cancel.mutate()}
      onClose={onClose}
    >
      <p>
        Calls that are under way are cancelled upstream. Answers up to now are kept, in the output file. A
        cancelled batch cannot be taken up again.
      </p>
    </ConfirmDialog>
  );
}
