import { useId, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { ProgressBar } from '../runs/progress-bar.js';
import { DataTable, VirtualTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import type { CellBoard, CellCounts } from './cell-board.js';
import { answeredOf, totalOf } from './cell-board.js';
import { CellMark } from './cell-mark.js';
import type { Run } from './run-facts.js';

/** Longer lists have only the rows in sight in the document. */
const ROWS_MAX = 60;

/** Question by question, and region by region. */
export function ProgressView({ run, board }: { readonly run: Run; readonly board: CellBoard }): ReactNode {
  return (
    <div className="columns">
      <section aria-labelledby="questions">
        <h2 id="questions">Question progress</h2>
        <Questions runId={run.run_id} board={board} />
      </section>
      <section aria-labelledby="regions">
        <h2 id="regions">Regions</h2>
        {run.regions.map((region) => (
          <Region key={region} region={region} board={board} />
        ))}
        {run.unavailable.length > 0 && (
          <p className="quiet-text">
            Not deployed, and so not asked:{' '}
            {run.unavailable.map(({ model, region }) => `${model} in ${region}`).join(', ')}.
          </p>
        )}
      </section>
    </div>
  );
}

function Questions({ runId, board }: { readonly runId: string; readonly board: CellBoard }): ReactNode {
  const ids = board.questionIds;
  const columns: readonly Column<number>[] = [
    {
      id: 'question',
      header: 'Question',
      rowHeader: true,
      width: '15rem',
      cell: (number) => (
        <span className="question">
          <span className="question-number">Q{number + 1}</span>
          <Link href={`/runs/${runId}/compare/${ids[number] ?? ''}`} className="cut" title={ids[number]}>
            {ids[number]}
          </Link>
        </span>
      ),
    },
    {
      id: 'progress',
      header: 'Answered',
      cell: (number) => <ProgressBar label={`Q${number + 1}`} counts={barOf(board.ofQuestion(number))} />,
    },
    {
      id: 'failed',
      header: 'Failed',
      numeric: true,
      width: '4.5rem',
      cell: (number) => formatCount(board.ofQuestion(number).failed),
    },
  ];
  const caption = 'Executions answered of each question';
  if (ids.length <= ROWS_MAX) {
    return (
      <DataTable
        caption={caption}
        columns={columns}
        rows={ids.map((_, index) => index)}
        rowKey={(number) => number}
      />
    );
  }
  return <VirtualTable caption={caption} columns={columns} count={ids.length} row={(index) => index} />;
}

function Region({ region, board }: { readonly region: string; readonly board: CellBoard }): ReactNode {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const counts = board.counts((pair) => pair.region === region);
  return (
    <div className="region panel">
      <h3>
        <button
          type="button"
          className="disclosure"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        >
          <span className="disclosure-sign" aria-hidden="true" />
          {region}
        </button>
      </h3>
      <ProgressBar label={`Region ${region}`} counts={barOf(counts)} />
      <p className="quiet-text region-figures">
        {formatCount(counts.running)} running, {formatCount(counts.failed)} failed
        {counts.cancelled > 0 && `, ${formatCount(counts.cancelled)} cancelled`}
        {counts.substituted > 0 && `, ${formatCount(counts.substituted)} substituted`}
      </p>
      <div id={id} hidden={!isOpen}>
        {isOpen && <RegionGrid region={region} board={board} />}
      </div>
    </div>
  );
}

/** Model x question: one mark for each, or how many of its repeats are done. */
function RegionGrid({ region, board }: { readonly region: string; readonly board: CellBoard }): ReactNode {
  const ids = board.questionIds;
  const pairs = board.pairs.flatMap((pair, number) => (pair.region === region ? [{ ...pair, number }] : []));
  const columns: readonly Column<number>[] = [
    {
      id: 'question',
      header: 'Question',
      rowHeader: true,
      width: '13rem',
      cell: (number) => (
        <span className="cut" title={ids[number]}>
          Q{number + 1} {ids[number]}
        </span>
      ),
    },
    ...pairs.map(({ model, number: pairNumber }) => ({
      id: model,
      header: model,
      cell: (number: number) => <CellMark counts={board.ofQuestionAndPair(number, pairNumber)} />,
    })),
  ];
  const caption = `Model by question in ${region}`;
  if (ids.length <= ROWS_MAX) {
    return (
      <DataTable
        caption={caption}
        columns={columns}
        rows={ids.map((_, index) => index)}
        rowKey={(number) => number}
      />
    );
  }
  return (
    <VirtualTable
      caption={caption}
      columns={columns}
      count={ids.length}
      row={(index) => index}
      height="40vh"
    />
  );
}

function barOf(counts: CellCounts) {
  return {
    ...counts,
    total: totalOf(counts),
    accepted: answeredOf(counts),
  };
}
