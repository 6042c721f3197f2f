import { traitsOf, type AttemptErrorCode } from './errors.js';

/** A ticket has come back, and somebody is about to work on it. */
export interface ReturnedTicket {
  /** Others who have worked on it and are gone without a word of how it ended. */
  readonly lost: number;
  /** So many are enough to take its payload for the cause. */
  readonly crashesMax: number;
  /** Another suspect of the region is being tried now. */
  readonly otherOnTrial: boolean;
}

export type SuspicionVerdict =
  | 'begin'
  /** It may begin, and no other suspect of the region beside it. */
  | 'beginAlone'
  /** Another suspect is being tried. */
  | 'wait'
  /** Its job is over: whoever worked on it died. */
  | 'poison';

/**
 * Whoever dies takes all of its calls along, so a crash speaks against each of them alike. Before the last one that is
 * allowed they are tried one after the other: an innocent neighbour ends well, and only what crashes its worker while it
 * is alone on trial is given up.
 */
export function judgeReturnedTicket({ lost, crashesMax, otherOnTrial }: ReturnedTicket): SuspicionVerdict {
  if (lost >= crashesMax) return 'poison';
  if (lost < crashesMax - 1) return 'begin';
  return otherOnTrial ? 'wait' : 'beginAlone';
}

/** Dead letters of one payload from which on it is taken for poison. */
export const POISON_LETTERS = 3;

/** Whether a failure speaks against what was asked rather than against who was asked. */
export function blamesPayload(code: AttemptErrorCode): boolean {
  if (code === 'UPSTREAM_CRASHED') return true;
  return code !== 'CALL_CANCELLED' && traitsOf(code).scope === 'request';
}
