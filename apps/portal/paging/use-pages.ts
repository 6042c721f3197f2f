import { useState } from 'react';

export interface Pages {
  /** Of the page in sight; undefined: the first. */
  readonly cursor: string | undefined;
  /** From 1. */
  readonly number: number;
  readonly forward: (next: string) => void;
  readonly back: () => void;
}

/**
 * Goes through a list page by page, so that a long one never stands in the document as a whole.
 * @param of what is listed: another list begins at its first page
 */
export function usePages(of: string): Pages {
  const [state, setState] = useState<{ readonly of: string; readonly cursors: readonly string[] }>({
    of,
    cursors: [],
  });
  const cursors = state.of === of ? state.cursors : [];
  return {
    cursor: cursors.at(-1),
    number: cursors.length + 1,
    forward: (next) => setState({ of, cursors: [...cursors, next] }),
    back: () => setState({ of, cursors: cursors.slice(0, -1) }),
  };
}
