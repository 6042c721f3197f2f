import type { JobState } from './job.js';

/** What can happen to a job. Each event has one owner (docs/lifecycle.md). */
export type JobEvent =
  | 'admitted' // admission issued a ticket
  | 'started' // the dispatcher began the call
  | 'returned' // the ticket was taken back before a call began
  | 'reissued' // the ticket was lost; the same attempt gets a new one
  | 'succeeded' // an answer was accepted
  | 'retryScheduled' // an attempt failed; another will follow
  | 'deadLettered' // an attempt failed; none will follow
  | 'cancelRequested' // a client asked to cancel
  | 'callCancelled' // the call upstream was confirmed to be over
  | 'callAbandoned' // nobody reports on the call: the job ends, its slot stays
  | 'deadlinePassed'; // the job's own deadline

const ARROWS: Readonly<Record<JobState, Partial<Readonly<Record<JobEvent, JobState>>>>> = {
  queued: {
    admitted: 'dispatched',
    cancelRequested: 'cancelled',
    deadlinePassed: 'expired',
  },
  dispatched: {
    started: 'processing',
    returned: 'queued',
    reissued: 'dispatched',
    succeeded: 'completed',
    retryScheduled: 'retrying',
    deadLettered: 'failed',
    cancelRequested: 'cancelling',
    deadlinePassed: 'expired',
  },
  processing: {
    reissued: 'dispatched',
    succeeded: 'completed',
    retryScheduled: 'retrying',
    deadLettered: 'failed',
    cancelRequested: 'cancelling',
    deadlinePassed: 'expired',
  },
  retrying: {
    admitted: 'dispatched',
    cancelRequested: 'cancelled',
    deadlinePassed: 'expired',
  },
  // An answer that was already on its way when the cancellation came is kept: it exists and was paid for.
  cancelling: {
    succeeded: 'completed',
    callCancelled: 'cancelled',
    callAbandoned: 'cancelled',
    deadLettered: 'cancelled',
    retryScheduled: 'cancelled',
  },
  completed: {},
  failed: {},
  cancelled: {},
  expired: {},
};

/** @returns the state that follows, or `undefined` where the arrow does not exist: nothing changes then. */
export function nextState(state: JobState, event: JobEvent): JobState | undefined {
  return ARROWS[state][event];
}

/** Every arrow, for the documentation test and the property tests. */
export function arrows(): readonly { from: JobState; event: JobEvent; to: JobState }[] {
  return (Object.keys(ARROWS) as JobState[]).flatMap((from) =>
    (Object.entries(ARROWS[from]) as [JobEvent, JobState][]).map(([event, to]) => ({ from, event, to })),
  );
}
