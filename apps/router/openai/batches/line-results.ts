import {
  batchIdOf,
  errorSentence,
  openAiFailureOf,
  type ChatCompletion,
  type OpenAiErrorBody,
  type TextCompletion,
} from '#contracts';
import type { EndedLine } from '#persistence';

/** One line of an output or error file: OpenAI's. */
export interface ResultLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: ChatCompletion | TextCompletion | OpenAiErrorBody;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** @param body its answer */
export function answeredLine(
  line: EndedLine,
  jobId: string,
  body: ChatCompletion | TextCompletion,
): ResultLine {
  return {
    id: `batch_req_${jobId.replaceAll('-', '')}`,
    custom_id: line.customId,
    response: { status_code: 200, request_id: jobId, body },
    error: null,
  };
}

/** A line that was answered, and of which nobody can say any more what it asked: where its answer stops, for one. */
export function untoldLine({ customId }: EndedLine, jobId: string): ResultLine {
  const message = `What this request asked cannot be read any more; its answer is kept with the job ${jobId}.`;
  return {
    ...{ id: `batch_req_${jobId.replaceAll('-', '')}`, custom_id: customId, response: null },
    error: { code: 'request_unreadable', message },
  };
}

/** A line without an answer. What the upstream said of it is not told, whoever reads the file: a file has one face. */
export function unansweredLine(line: EndedLine, batchId: string): ResultLine {
  const { customId, jobId, outcome, refusal, errorCode } = line;
  const id =
    jobId === null
      ? `batch_req_${batchIdOf(batchId).slice('batch_'.length)}_${line.lineNo}`
      : `batch_req_${jobId.replaceAll('-', '')}`;
  const unasked = (code: string, message: string): ResultLine => ({
    ...{ id, custom_id: customId, response: null },
    error: { code, message },
  });
  const answered = (status: number, body: OpenAiErrorBody): ResultLine => ({
    ...{ id, custom_id: customId, error: null },
    response: { status_code: status, request_id: jobId ?? id, body },
  });
  switch (outcome) {
    case 'completed':
      return unasked('content_erased', 'This request was answered, and its answer has been erased.');
    case 'expired':
      return unasked(
        'batch_expired',
        'This request could not be executed before the completion window expired.',
      );
    case 'cancelled':
      return unasked('batch_cancelled', 'This request was not executed: the batch was cancelled.');
    case 'failed': {
      if (refusal !== null) {
        const { status, code, message, param } = refusal;
        const type =
          status >= 500 ? 'server_error' : status === 403 ? 'permission_error' : 'invalid_request_error';
        return answered(status, { error: { message, type, param, code } });
      }
      const { status, body } = openAiFailureOf(
        errorCode === null
          ? { state: 'cancelled', error: null }
          : { state: 'failed', error: { code: errorCode, message: errorSentence(errorCode) } },
      );
      return answered(status, body);
    }
  }
}
