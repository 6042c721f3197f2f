import { isRunFinished, type RunEnding, type RunStatus } from './run.js';

/** A run as somebody finds it who wants it to go on. */
export interface ReopenedRun {
  readonly status: RunStatus;
  readonly ending: RunEnding | null;
}

export type ReopenVerdict =
  | { readonly kind: 'reopen' }
  /** It is as asked for: nothing changes and the answer is the same. */
  | { readonly kind: 'unchanged' }
  /** It goes on for another reason, or is being ended: ask again once it has ended. */
  | { readonly kind: 'unfinished' }
  /** A gate's decision ended it, and decisions are final. */
  | { readonly kind: 'decided' }
  /** It was cancelled: its cancelled cells want their answers first. */
  | { readonly kind: 'cancelled' };

/**
 * May the cells that have no answer be asked again? A cancellation is taken back that way; a rejection is not.
 * @param isRetried the run goes on because of such a request
 */
export function judgeRetry({ status, ending }: ReopenedRun, isRetried: boolean): ReopenVerdict {
  if (!isRunFinished(status)) {
    return { kind: isRetried && ending === null ? 'unchanged' : 'unfinished' };
  }
  if (isDecided(status)) return { kind: 'decided' };
  return { kind: status === 'completed' ? 'unchanged' : 'reopen' };
}

/** @param wanted repeats in all; not fewer than it has */
export function judgeExtension({ status }: ReopenedRun, repeats: number, wanted: number): ReopenVerdict {
  if (wanted === repeats) return { kind: 'unchanged' };
  if (!isRunFinished(status)) return { kind: 'unfinished' };
  if (isDecided(status)) return { kind: 'decided' };
  return { kind: status === 'cancelled' ? 'cancelled' : 'reopen' };
}

function isDecided(status: RunStatus): boolean {
  return status === 'rejected' || status === 'expired';
}
