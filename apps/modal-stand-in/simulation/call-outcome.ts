import type { Call, CallEnd } from './call.js';
import type { Outcome } from './simulation-event.js';

/**
 * What the caller of a finished call gets to see, in the account's words: `completed`, `model_error`,
 * `cancelled`, `answer_lost` (the work was done, the connection reset), `truncated`, or a Modal reply's name.
 */
export function outcomeOf({ plan }: Call, end: CallEnd): Outcome {
  if (end.kind === 'failed') return end.reply;
  if (end.kind !== 'answered') return end.kind;
  switch (plan.answer?.kind) {
    case undefined:
      return 'completed';
    case 'status':
      return plan.answer.body;
    case 'reset':
      return 'answer_lost';
    case 'truncated':
    case 'model_error':
      return plan.answer.kind;
  }
}
