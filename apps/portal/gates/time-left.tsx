import { useSyncExternalStore, type ReactNode } from 'react';
import { formatDuration } from '../figures/format.js';

const TICK_MS = 1000;

function everySecond(tick: () => void): () => void {
  const timer = setInterval(tick, TICK_MS);
  return () => clearInterval(timer);
}
const wholeSecond = (): number => Math.floor(Date.now() / TICK_MS);

/** How long until a moment, counted down by the reader's clock. */
export function TimeLeft({ until }: { readonly until: string }): ReactNode {
  const nowS = useSyncExternalStore(everySecond, wholeSecond);
  const leftS = Math.floor(Date.parse(until) / 1000) - nowS;
  if (leftS <= 0) return <>time is over</>;
  return <span className="number">{formatDuration(leftS)} left</span>;
}
