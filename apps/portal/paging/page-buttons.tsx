import type { ReactNode } from 'react';
import type { Pages } from './use-pages.js';

export function PageButtons({
  pages: { number, forward, back },
  next,
  label,
}: {
  readonly pages: Pages;
  /** Cursor of the next page; null: this is the last. */
  readonly next: string | null | undefined;
  /** What is gone through. */
  readonly label: string;
}): ReactNode {
  const hasNext = next !== null && next !== undefined;
  if (number === 1 && !hasNext) return null;
  return (
    <nav className="actions" aria-label={label}>
      <button type="button" disabled={number === 1} onClick={back}>
        Previous page
      </button>
      <span className="number">Page {number}</span>
      <button type="button" disabled={!hasNext} onClick={() => hasNext && forward(next)}>
        Next page
      </button>
    </nav>
  );
}
