import type { KeyLimits } from './access.js';
import type { JobState, Priority, RegionPolicy } from './job.js';

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
  'QUEUE_FULL',
] as const;
export type RedriveSkip = (typeof REDRIVE_SKIPS)[number];

/** Fields by which open dead letters are counted. */
export const DEAD_LETTER_GROUPS = ['code', 'model', 'region', 'endpoint'] as const;
export type DeadLetterGroup = (typeof DEAD_LETTER_GROUPS)[number];

/** What decides whether a dead letter can become a job again. */
export interface RedriveFacts {
  readonly ofRun: boolean;
  readonly poison: boolean;
  readonly isErased: boolean;
  readonly model: string;
  readonly regionPolicy: RegionPolicy;
  readonly preferredRegion: string | null;
  readonly priority: Priority;
  /** In which the model is deployed; empty: nowhere. */
  readonly servingRegions: readonly string[];
  /** Of the key that asks; empty: none. */
  readonly limits: KeyLimits;
  /** Jobs that may still be queued. */
  readonly room: number;
}

/**
 * @param poisonToo it was asked for in so many words
 * @returns why it cannot become a job; undefined: it can
 */
export function judgeRedrive(facts: RedriveFacts, poisonToo: boolean): RedriveSkip | undefined {
  if (facts.ofRun) return 'JOB_OF_RUN';
  if (facts.isErased) return 'CONTENT_ERASED';
  if (facts.poison && !poisonToo) return 'POISON';
  if (facts.servingRegions.length === 0) return 'UNKNOWN_MODEL';
  const { preferredRegion, limits } = facts;
  if (
    facts.regionPolicy === 'pin' &&
    preferredRegion !== null &&
    !facts.servingRegions.includes(preferredRegion)
  )
    return 'MODEL_NOT_IN_REGION';
  const isConfined =
    limits.models?.includes(facts.model) === false ||
    limits.priorities?.includes(facts.priority) === false ||
    (limits.regions !== undefined && (preferredRegion === null || !limits.regions.includes(preferredRegion)));
  if (isConfined) return 'FORBIDDEN';
  return facts.room < 1 ? 'QUEUE_FULL' : undefined;
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
