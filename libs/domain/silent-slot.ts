import type { JobState } from './job.js';

/** What is known of a slot whose lease ran out without a sign of life. */
export interface SilentSlotFacts {
  /** Whoever is at work on it would have been heard by now: dispatchers are heard for long enough. */
  readonly holderWouldBeHeard: boolean;
  readonly jobState: JobState;
  /** A dispatcher has begun the call. */
  readonly started: boolean;
  /** The call has had its execution time, and a grace on top. */
  readonly pastDeadline: boolean;
  /** The ticket is in its stream: waiting, or held by somebody who has not acked it. */
  readonly ticketWaits: boolean;
  /** An outcome of the job is on its way to the recorder: of this ticket, or of an earlier one that was thought lost. */
  readonly outcomeWaits: boolean;
  /** The endpoint is still configured and its region's dispatcher is alive. */
  readonly hasTaker: boolean;
}

export type SilentSlotPlan =
  /** Nothing is known yet: look again. */
  | 'wait'
  /** It is alive after all, or will be: look again when the lease runs out once more. */
  | 'extend'
  /** The call is given up: its attempt counts as lost, and its slot is freed. */
  | 'concludeLost'
  /** The job is over, its call perhaps not: end the job, keep the slot, so that the limit holds. */
  | 'endJobKeepSlot'
  /** The job is over and no call was ever made: free the slot. */
  | 'free'
  /** Nobody would take the ticket: the job waits again, and the attempt does not count. */
  | 'return'
  /** The ticket is lost: the same attempt gets a new one. */
  | 'reissue';

/** Decides what becomes of a silent slot. What is certain goes first, and a paid call is never thrown away early. */
export function planForSilentSlot(facts: SilentSlotFacts): SilentSlotPlan {
  if (!facts.holderWouldBeHeard) return 'wait';
  const wanted = facts.jobState === 'dispatched' || facts.jobState === 'processing';
  if (facts.outcomeWaits) return 'extend';
  if (facts.started && facts.pastDeadline) return 'concludeLost';
  if (!wanted && facts.started) return 'endJobKeepSlot';
  // A ticket of a job that is over is being taken out of its stream; until it is, a call may still begin.
  if (!wanted) return facts.ticketWaits ? 'extend' : 'free';
  if (!facts.started && !facts.hasTaker) return 'return';
  return facts.ticketWaits ? 'extend' : 'reissue';
}
