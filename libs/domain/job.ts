/** A job's durable state. docs/lifecycle.md draws the arrows and names the owner of each. */
export const JOB_STATES = [
  'queued',
  'dispatched',
  'processing',
  'retrying',
  'completed',
  'failed',
  'cancelling',
  'cancelled',
  'expired',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export const TERMINAL_STATES = ['completed', 'failed', 'cancelled', 'expired'] as const;
export type TerminalState = (typeof TERMINAL_STATES)[number];

/** What clients see: the durable state, less `dispatched`, which has not started yet. */
export type JobStatus = Exclude<JobState, 'dispatched'>;

export const REGION_POLICIES = ['pin', 'prefer', 'any'] as const;
/** `pin` never leaves the region; `prefer` fails over; `any` goes where it starts first. */
export type RegionPolicy = (typeof REGION_POLICIES)[number];

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export type AttemptStatus = 'dispatched' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'lost';

export function isTerminal(state: JobState): state is TerminalState {
  return (TERMINAL_STATES as readonly JobState[]).includes(state);
}

/**
 * @param attempt number of attempts issued so far, the current one included
 * @returns the status clients see. A dispatched job has not started, so it still reads as waiting.
 */
export function statusOf(state: JobState, attempt: number): JobStatus {
  if (state !== 'dispatched') return state;
  return attempt > 1 ? 'retrying' : 'queued';
}
