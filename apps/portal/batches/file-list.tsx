import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { REFRESH_MS, useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import { useAsked } from '../dialogs/use-asked.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { PageButtons } from '../paging/page-buttons.js';
import { usePages } from '../paging/use-pages.js';
import { DataTable, type Column } from '../tables/data-table.js';
import { formatBytes } from '../figures/format.js';
import { Time } from '../figures/time.js';
import { momentOf, type StoredFile } from './batch.js';
import { DownloadButton } from './download-button.js';

const PAGE_SIZE = 25;

/** What is stored: input files that were uploaded, and what batches wrote. */
export function FileList({ mayChange }: { readonly mayChange: boolean }): ReactNode {
  const client = useClient();
  const pages = usePages('files');
  const { cursor: after } = pages;
  const { asked: deleting, ask, close } = useAsked<StoredFile>();
  const [done, setDone] = useState<string>();
  const files = useQuery({
    queryKey: ['files', after],
    queryFn: ({ signal }) =>
      answered(
        client.GET('/v1/files', {
          params: { query: { limit: PAGE_SIZE, ...(after === undefined ? {} : { after }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 2 * REFRESH_MS,
  });
  const rows: readonly StoredFile[] = files.data?.data ?? [];
  return (
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      <div role="status">{done !== undefined && <p className="notice notice-good">{done}</p>}</div>
      {files.error !== null && <ErrorNotice error={files.error} what="The files could not be read" />}
      {files.isSuccess && rows.length === 0 && <EmptyState title="There are no files" />}
      {rows.length > 0 && (
        <DataTable
          caption="Files, newest first"
          columns={columnsFor(mayChange ? ask : undefined)}
          rows={rows}
          rowKey={({ id }) => id}
        />
      )}
      <PageButtons
        pages={pages}
        next={files.data?.has_more === true ? files.data.last_id : null}
        label="Pages of files"
      />
      {deleting !== undefined && <DeleteDialog file={deleting} onDone={setDone} onClose={close} />}
    </section>
  );
}

function columnsFor(onDelete: ((file: StoredFile) => void) | undefined): Column<StoredFile>[] {
  return [
    {
      id: 'name',
      header: 'File',
      rowHeader: true,
      cell: ({ filename }) => (
        <span className="cut cut-late" title={filename}>
          {filename}
        </span>
      ),
    },
    {
      id: 'id',
      header: 'Id',
      cell: ({ id }) => (
        <code className="cut" title={id}>
          {id}
        </code>
      ),
    },
    { id: 'purpose', header: 'Purpose', cell: ({ purpose }) => purpose.replaceAll('_', ' ') },
    { id: 'size', header: 'Size', numeric: true, cell: ({ bytes }) => formatBytes(bytes) },
    { id: 'created', header: 'Made', cell: ({ created_at: at }) => <Time at={momentOf(at)} /> },
    { id: 'expires', header: 'Expires', cell: ({ expires_at: at }) => <Time at={momentOf(at)} /> },
    {
      id: 'actions',
      header: <span className="unseen">Actions</span>,
      cell: (file) => (
        <span className="actions">
          <DownloadButton fileId={file.id} fileName={file.filename}>
            Download <span className="unseen">{file.filename}</span>
          </DownloadButton>
          {onDelete !== undefined && (
            <button type="button" className="danger" onClick={() => onDelete(file)}>
              Delete… <span className="unseen">{file.filename}</span>
            </button>
          )}
        </span>
      ),
    },
  ];
}

function DeleteDialog({
  file: { id, filename, bytes },
  onDone,
  onClose,
}: {
  readonly file: StoredFile;
  readonly onDone: (text: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const queries = useQueryClient();
  const remove = useSingleMutation({
    mutationFn: () => answered(client.DELETE('/v1/files/{file_id}', { params: { path: { file_id: id } } })),
    onSuccess: () => {
      onDone(`Deleted ${filename}.`);
      onClose();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['files'] }),
  });
  return (
    <ConfirmDialog
      title="Delete the file?"
      action="Delete file"
      danger
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>
        {filename}, {formatBytes(bytes)}. It cannot be brought back.
      </p>
    </ConfirmDialog>
  );
}
