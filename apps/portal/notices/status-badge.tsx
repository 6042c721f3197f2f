import type { ReactNode } from 'react';
import { statusTone, type Tone } from './status-tone.js';

/** A sign before the word: states are told apart without colour, too. */
const SIGNS: Readonly<Record<Tone, string>> = {
  good: '✓',
  bad: '✕',
  warn: '!',
  busy: '◐',
  idle: '○',
  stopped: '■',
};

/** @param status a status of the API: `awaiting_approval` is shown as "awaiting approval" */
export function StatusBadge({
  status,
  tone = statusTone(status),
}: {
  readonly status: string;
  readonly tone?: Tone;
}): ReactNode {
  return (
    <span className={`badge badge-${tone}`}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {status.replaceAll('_', ' ')}
    </span>
  );
}
