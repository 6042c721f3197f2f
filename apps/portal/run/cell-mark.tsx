import type { ReactNode } from 'react';
import { StatusBadge } from '../notices/status-badge.js';
import { CELL_STATES, answeredOf, totalOf, type CellCounts } from './cell-board.js';

/** How one cell stands, or how many of several are answered. */
export function CellMark({ counts }: { readonly counts: CellCounts }): ReactNode {
  const total = totalOf(counts);
  if (total === 1) {
    const state = CELL_STATES.find((each) => counts[each] === 1) ?? 'pending';
    return <StatusBadge status={state} />;
  }
  const { failed, substituted, cancelled, running } = counts;
  return (
    <span className="number">
      {answeredOf(counts)}/{total}
      <span aria-hidden="true">
        {failed > 0 && ` ✕${failed}`}
        {substituted > 0 && ` !${substituted}`}
        {cancelled > 0 && ` ■${cancelled}`}
        {running > 0 && ` ◐${running}`}
      </span>
      <span className="unseen">
        {' '}
        answered, {failed} failed, {substituted} substituted, {cancelled} cancelled, {running} running
      </span>
    </span>
  );
}
