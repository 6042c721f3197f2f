import { success } from '../edge/answer-of.js';
import type { ModalReplyName } from '../edge/modal-replies.js';
import type { Call } from '../simulation/call.js';

/** What a job's error says about whose fault it was. */
export type JobErrorType = 'model_error' | 'cancelled' | 'timed_out' | 'crashed' | 'lost' | 'expired';

/** What the gateway makes of the exceptions that Modal raises where a result is asked for. */
const FAILURES: Partial<Record<ModalReplyName, readonly [JobErrorType, string]>> = {
  timed_out: ['timed_out', 'function execution timed out'],
  crashed: ['crashed', 'function was terminated by signal'],
  invalid_function_call: ['crashed', 'function was terminated by signal'],
  lost_input: ['lost', 'Server has lost track of input'],
  missing_request: ['lost', 'Missing request, possibly due to expiry or cancellation'],
  stopped: ['lost', 'app was stopped'],
};

/** Whether asking for the result no longer has to wait: a cancelled input that still has its grace is cancelled. */
export function isSettled(call: Call): boolean {
  return call.state === 'ended' || call.isCancelling;
}

/** Rule 26: the document of a job that ended, the same at every reading. */
export function jobDocument(call: Call): unknown {
  const { end } = call;
  if (end === undefined || end.kind === 'cancelled') {
    return jobError('cancelled', 'Function call was cancelled by user');
  }
  if (end.kind === 'model_error') return jobError('model_error', end.error);
  if (end.kind === 'failed') return jobError(...(FAILURES[end.reply] ?? (['lost', end.reply] as const)));
  const fault = call.plan.answer;
  return fault?.kind === 'model_error' ? jobError('model_error', fault.error) : success(call, end);
}

/** In the words of the completion callback. */
export function jobStatus(call: Call): 'completed' | 'failed' | 'cancelled' {
  if (call.end?.kind === 'cancelled') return 'cancelled';
  return call.end?.kind === 'answered' && call.plan.answer?.kind !== 'model_error' ? 'completed' : 'failed';
}

export function jobError(type: JobErrorType, error: string): unknown {
  return { status: 'error', error, error_type: type };
}
