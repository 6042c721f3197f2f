import type { JobState } from './job.js';

/** What has become of a job that failed for good. */
export const DEAD_LETTER_STATES = ['open', 'redriven', 'discarded'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** Why a dead letter was passed over when many were to be redriven. */
export const REDRIVE_SKIPS = [
  'JOB_OF_RUN',
  'POISON',
  'CONTENT_ERASED',
  'UNKNOWN_MODEL',
  'MODEL_NOT_IN_REGION',
  'FORBIDDEN',
  'BUDGET_EXHAUSTED',
  'QUEUE_FULL',
] as const;
export type RedriveSkip = (typeof REDRIVE_SKIPS)[number];

/** Fields by which open dead letters are counted. */
export const DEAD_LETTER_GROUPS = ['code', 'model', 'region', 'endpoint'] as const;
export type DeadLetterGroup = (typeof DEAD_LETTER_GROUPS)[number];

/** Of a dead letter, what decides whether it can become a job again at all. */
export interface RedriveFacts {
  readonly ofRun: boolean;
  readonly poison: boolean;
  readonly isErased: boolean;
}

/**
 * What a job may be for a key is decided elsewhere, as for every job.
 * @param poisonToo it was asked for in so many words
 * @returns why it cannot become a job; undefined: it can
 */
export function judgeRedrive(
  { ofRun, poison, isErased }: RedriveFacts,
  poisonToo: boolean,
): Extract<RedriveSkip, 'JOB_OF_RUN' | 'CONTENT_ERASED' | 'POISON'> | undefined {
  if (ofRun) return 'JOB_OF_RUN';
  if (isErased) return 'CONTENT_ERASED';
  return poison && !poisonToo ? 'POISON' : undefined;
}

/** What an earlier redrive of a dead letter means for the next one. */
export type RedriveStep =
  /** A new job is made of this letter. */
  | 'redrive'
  /** Its job is under way, or was answered: that is the one. */
  | 'already'
  /** Its job has failed too, and has a letter of its own: that one counts. */
  | 'follow'
  | 'discarded';

/** @param successor state of the job it was redriven as; null: it was not */
export function nextRedriveStep(state: DeadLetterState, successor: JobState | null): RedriveStep {
  switch (state) {
    case 'open':
      return 'redrive';
    case 'discarded':
      return 'discarded';
    case 'redriven':
      if (successor === 'failed') return 'follow';
      return successor === 'cancelled' || successor === 'expired' ? 'redrive' : 'already';
  }
}
