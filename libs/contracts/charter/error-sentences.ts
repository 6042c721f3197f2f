import type { AttemptErrorCode, CellErrorCode, JobErrorCode } from '#domain';

/**
 * What a customer is told of a failure: the catalogue's own sentence, whatever the upstream said.
 * A missing code does not compile. Source: docs/errors.md
 */
const SENTENCES: Readonly<Record<AttemptErrorCode | JobErrorCode | CellErrorCode, string>> = {
  ENDPOINT_UNREACHABLE: 'the model could not be reached',
  CONNECTION_LOST: 'the connection broke before the whole answer arrived',
  EXECUTION_TIMEOUT: 'there was no answer within the time an execution may take',
  RATE_LIMITED: 'the model took no more requests at that moment',
  UPSTREAM_QUEUE_FULL: 'the queue before the model was full',
  UPSTREAM_ERROR: 'the model answered with an error of its own',
  UPSTREAM_UNKNOWN: 'the model was refused for a reason that is not known',
  UPSTREAM_CRASHED: 'the model crashed while it worked on the request',
  INPUT_LOST: 'the request was lost on its way, or its result expired',
  INPUT_UNDELIVERED: 'the request did not reach the model in time',
  RESPONSE_INVALID: 'the answer was not what the protocol says',
  REGION_MISMATCH: 'the answer came from another region than it had to, and was discarded',
  ENDPOINT_STOPPED: 'the model is stopped',
  ENDPOINT_NOT_FOUND: 'the model is not where it should be',
  WORKSPACE_DISABLED: 'the model is disabled',
  SPEND_LIMIT_REACHED: 'the model takes no more work in this period',
  ATTEMPT_LOST: 'the execution was lost and had to be given up',
  ENDPOINT_CREDENTIALS_REJECTED: 'Beacon was not let in to the model',
  FUNCTION_TIMED_OUT: 'the model ran into its own time limit',
  REQUEST_REJECTED: 'the model does not take this request',
  MODEL_ERROR: 'the model could not work on this input',
  RESPONSE_TOO_LARGE: 'the answer is larger than Beacon takes',
  CALL_CANCELLED: 'the execution was cancelled',
  DEADLINE_EXCEEDED: 'the deadline passed before there was an answer',
  POISON_SUSPECTED: 'whoever worked on it died, again and again, so it was given up',
  BUDGET_REACHED: 'the budget of the run might not have paid for it, so it was not asked',
};

/** @param code of an attempt, a job or a cell; one that is not known is told as it is */
export function errorSentence(code: string): string {
  return Object.hasOwn(SENTENCES, code) ? SENTENCES[code as keyof typeof SENTENCES] : 'it failed';
}
