import type { AnswerOf } from '#router-client';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode } from 'react';
import { useRouter } from '../client/client-context.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { StatusBadge } from '../notices/status-badge.js';
import { DataTable, VirtualTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { download } from '../downloads/download.js';
import type { Run } from './run-facts.js';

type SignedReceipt = AnswerOf<'/runs/{id}/receipt', 'get'>;
type Missing = SignedReceipt['receipt']['missing'][number];

/** A larger one is kept for the reader, and not opened here. */
const OPENED_BYTES_MAX = 32 * 1024 * 1024;

const FORMATS = [
  ['csv', 'CSV', 'csv'],
  ['jsonl', 'JSON Lines', 'jsonl'],
  ['json', 'JSON', 'json'],
] as const;

/** What can be taken along: results, and the signed account of what is missing. */
export function ReceiptView({ run }: { readonly run: Run }): ReactNode {
  const router = useRouter();
  const results = useMutation({
    mutationFn: async (format: (typeof FORMATS)[number][0]) => {
      await download(
        router.fetch,
        `/runs/${run.run_id}/results?format=${format}`,
        `run-${run.run_id}.${format}`,
      );
    },
  });
  const receipt = useMutation({
    mutationFn: async (): Promise<SignedReceipt | 'large'> => {
      const blob = await download(router.fetch, `/runs/${run.run_id}/receipt`, `receipt-${run.run_id}.json`);
      return blob.size > OPENED_BYTES_MAX ? 'large' : (JSON.parse(await blob.text()) as SignedReceipt);
    },
  });
  return (
    <>
      <section aria-labelledby="results">
        <h2 id="results">Results</h2>
        <p>One row for each cell, with its answer and where it came from.</p>
        <div className="actions panel">
          {FORMATS.map(([format, label]) => (
            <button
              key={format}
              type="button"
              disabled={results.isPending}
              onClick={() => results.mutate(format)}
            >
              Download {label}
            </button>
          ))}
          <span role="status">{results.isPending && 'Being fetched…'}</span>
        </div>
        {results.error !== null && <ErrorNotice error={results.error} what="The results were not fetched" />}
      </section>
      <section aria-labelledby="receipt">
        <h2 id="receipt">Receipt</h2>
        <p>
          The signed list of every cell, every attempt and every missing answer.{' '}
          <code>beacon verify-receipt</code> checks it without this server.
        </p>
        {run.finished_at === null && (
          <p className="quiet-text">The run goes on: a receipt fetched now says how it stands now.</p>
        )}
        <div className="actions panel">
          <button type="button" disabled={receipt.isPending} onClick={() => receipt.mutate()}>
            Download and show receipt
          </button>
          <span role="status">{receipt.isPending && 'Being fetched…'}</span>
        </div>
        {receipt.error !== null && <ErrorNotice error={receipt.error} what="The receipt was not fetched" />}
        {receipt.data === 'large' && <p>It was downloaded. It is too large to be shown here.</p>}
        {receipt.data !== undefined && receipt.data !== 'large' && <Completeness signed={receipt.data} />}
      </section>
    </>
  );
}

const MISSING: readonly Column<Missing>[] = [
  { id: 'question', header: 'Question', rowHeader: true, cell: ({ question_id: id }) => id },
  { id: 'model', header: 'Model', cell: ({ model }) => model },
  { id: 'region', header: 'Region', cell: ({ region }) => region },
  { id: 'repeat', header: 'Repeat', numeric: true, cell: ({ repeat }) => repeat },
  { id: 'status', header: 'State', cell: ({ status }) => <StatusBadge status={status} /> },
  { id: 'reason', header: 'Why', cell: ({ reason }) => <code>{reason}</code> },
];

function Completeness({ signed: { receipt, signature } }: { readonly signed: SignedReceipt }): ReactNode {
  const { counts, missing } = receipt;
  const isComplete = counts.missing === 0;
  return (
    <>
      <div className={`notice ${isComplete ? 'notice-good' : 'notice-warn'}`}>
        <p className="notice-title">
          {isComplete
            ? 'Complete'
            : `${formatCount(counts.missing)} of ${formatCount(counts.cells)} answers are missing`}
        </p>
        <p>
          {formatCount(counts.answered)} answered by the regions themselves, {formatCount(counts.substituted)}{' '}
          by another region, {formatCount(counts.attempts)} attempts in {formatCount(counts.jobs)} jobs.
        </p>
        <p className="notice-ids">
          Signed with key <code>{signature.key_id}</code>
        </p>
      </div>
      <DataTable
        caption="Completeness by region"
        showCaption
        columns={[
          { id: 'region', header: 'Region', rowHeader: true, cell: ([region]) => region },
          { id: 'cells', header: 'Cells', numeric: true, cell: ([, each]) => formatCount(each.cells) },
          {
            id: 'answered',
            header: 'Answered',
            numeric: true,
            cell: ([, each]) => formatCount(each.answered),
          },
          {
            id: 'substituted',
            header: 'Substituted',
            numeric: true,
            cell: ([, each]) => formatCount(each.substituted),
          },
          { id: 'missing', header: 'Missing', numeric: true, cell: ([, each]) => formatCount(each.missing) },
        ]}
        rows={Object.entries(counts.by_region)}
        rowKey={([region]) => region}
      />
      {missing.length > 0 && (
        <VirtualTable
          caption="Missing answers"
          showCaption
          columns={MISSING}
          count={missing.length}
          row={(index) => missing[index]}
          height="40vh"
        />
      )}
    </>
  );
}
