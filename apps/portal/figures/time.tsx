import type { ReactNode } from 'react';
import { formatDuration, formatTime } from './format.js';
import { Nothing } from './nothing.js';

/** A moment in the reader's own time; in UTC to whoever points at it. */
export function Time({ at }: { readonly at: string | null | undefined }): ReactNode {
  if (at === null || at === undefined) return <Nothing />;
  return (
    <time dateTime={at} title={at}>
      {formatTime(new Date(at), new Date())}
    </time>
  );
}

export function Duration({ seconds }: { readonly seconds: number | null | undefined }): ReactNode {
  if (seconds === null || seconds === undefined) return <Nothing />;
  return <span className="number">{formatDuration(Math.max(0, seconds))}</span>;
}

/** From its start to its end; nothing where one of them has not come. */
export function Took({ from, to }: { readonly from: string | null; readonly to: string | null }): ReactNode {
  return (
    <Duration seconds={from === null || to === null ? null : (Date.parse(to) - Date.parse(from)) / 1000} />
  );
}
