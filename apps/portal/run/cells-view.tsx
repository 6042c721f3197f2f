import { useId, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { EmptyState } from '../notices/empty-state.js';
import { StatusBadge } from '../notices/status-badge.js';
import { VirtualTable, type Column } from '../tables/data-table.js';
import { formatCount } from '../figures/format.js';
import { Nothing } from '../figures/nothing.js';
import { CELL_STATES, type BoardCell, type CellBoard, type CellState } from './cell-board.js';

/** Every cell of the run, however many there are. */
export function CellsView({
  runId,
  board,
}: {
  readonly runId: string;
  readonly board: CellBoard;
}): ReactNode {
  const [state, setState] = useState<CellState | 'all'>('all');
  const id = useId();
  const counts = board.counts();
  const found = state === 'all' ? undefined : board.cellsIn(state);
  const count = found?.length ?? board.size;
  const columns: readonly Column<BoardCell>[] = [
    {
      id: 'question',
      header: 'Question',
      rowHeader: true,
      cell: ({ questionId, repeat }) => (
        <Link href={`/runs/${runId}/compare/${questionId}/${repeat}`}>{questionId}</Link>
      ),
    },
    { id: 'model', header: 'Model', cell: ({ model }) => model },
    { id: 'region', header: 'Region', cell: ({ region }) => region },
    { id: 'repeat', header: 'Repeat', numeric: true, width: '6rem', cell: ({ repeat }) => repeat },
    { id: 'state', header: 'State', cell: (cell) => <StatusBadge status={cell.state} /> },
    {
      id: 'code',
      header: 'Error code',
      cell: ({ errorCode }) =>
        errorCode === null ? <Nothing /> : <code title={errorCode}>{errorCode}</code>,
    },
  ];
  return (
    <section aria-labelledby="cells">
      <h2 id="cells">Cells</h2>
      <p className="field-inline">
        <label htmlFor={id}>Show</label>
        <select
          id={id}
          value={state}
          onChange={({ target }) => setState(CELL_STATES.find((each) => each === target.value) ?? 'all')}
        >
          <option value="all">all ({formatCount(board.size)})</option>
          {CELL_STATES.map((each) => (
            <option key={each} value={each}>
              {each} ({formatCount(counts[each])})
            </option>
          ))}
        </select>
        {!board.complete && <span className="quiet-text">More are being read…</span>}
      </p>
      {count === 0 ? (
        <EmptyState title={state === 'all' ? 'There are no cells' : `No cell is ${state}`} />
      ) : (
        <VirtualTable
          // Another choice is another list, seen from its top.
          key={state}
          caption="Cells, question by question"
          columns={columns}
          count={count}
          row={(index) => board.cell(found === undefined ? index : (found[index] ?? -1))}
          height="65vh"
        />
      )}
    </section>
  );
}
