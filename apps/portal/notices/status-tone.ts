export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'idle' | 'stopped';

/** By the words of the API: of runs, cells, jobs, batches, gates, endpoints and dead letters. */
const TONES: Readonly<Record<string, Tone>> = {
  accepted: 'good',
  approved: 'good',
  completed: 'good',
  delivered: 'good',
  healthy: 'good',
  redriven: 'good',
  succeeded: 'good',
  warm: 'good',
  down: 'bad',
  failed: 'bad',
  open: 'bad',
  rejected: 'bad',
  unhealthy: 'bad',
  awaiting_approval: 'warn',
  cancelling: 'warn',
  completed_with_failures: 'warn',
  degraded: 'warn',
  draining: 'warn',
  quarantined: 'warn',
  substituted: 'warn',
  waiting: 'warn',
  finalizing: 'busy',
  in_progress: 'busy',
  processing: 'busy',
  retrying: 'busy',
  running: 'busy',
  submitted: 'busy',
  validating: 'busy',
  warming: 'busy',
  cancelled: 'stopped',
  discarded: 'stopped',
  expired: 'stopped',
  paused: 'stopped',
};

/** @returns `idle` for what has not begun, and for words that are not known */
export function statusTone(status: string): Tone {
  return Object.hasOwn(TONES, status) ? (TONES[status] ?? 'idle') : 'idle';
}
