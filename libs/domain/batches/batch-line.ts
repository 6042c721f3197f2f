import type { RequestErrorCode } from '../errors.js';
import type { TerminalState } from '../job.js';

export const BATCH_ENDPOINTS = ['/v1/chat/completions', '/v1/completions'] as const;
export type BatchEndpoint = (typeof BATCH_ENDPOINTS)[number];

const CUSTOM_ID_LENGTH_MAX = 512;

/** Why a line, or a whole file, cannot be asked. `line` counts from 1; null: it is about the file. */
export interface LineFault {
  readonly code: LineFaultCode;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
}

export type LineFaultCode =
  | 'invalid_json_line'
  | 'line_too_long'
  | 'missing_custom_id'
  | 'invalid_custom_id'
  | 'duplicate_custom_id'
  | 'invalid_method'
  | 'mismatched_endpoint'
  | 'invalid_body'
  | 'invalid_request'
  | 'internal_error'
  | 'model_not_found'
  | 'empty_file'
  | 'too_many_tasks'
  | 'file_gone';

const KEPT_LENGTH_MAX = 500;

/**
 * What is said of a line, as it can be kept: it may quote the caller's words, of any length, and Postgres stores neither
 * U+0000 nor half a surrogate pair.
 */
export function keptWords(text: string): string {
  const short = text.length > KEPT_LENGTH_MAX ? `${text.slice(0, KEPT_LENGTH_MAX - 1)}…` : text;
  return short.replaceAll('\u0000', '\ufffd').toWellFormed();
}

/** A line that can be asked, as far as its frame goes; its body is the door's to judge. */
export interface FramedLine {
  readonly customId: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type ReadLine = { readonly framed: FramedLine } | { readonly fault: LineFault };

/**
 * Reads the frame of one line of an input file.
 * @param text without its line break  @param line from 1  @param endpoint the one the batch was made for
 */
export function readBatchLine(text: string, line: number, endpoint: BatchEndpoint): ReadLine {
  const fault = (code: LineFaultCode, message: string, param: string | null = null): ReadLine => ({
    fault: { code, message, param, line },
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fault('invalid_json_line', 'This line is not parseable as valid JSON.');
  }
  if (!isRecord(value)) return fault('invalid_json_line', 'This line is not a JSON object.');
  const { custom_id: customId, method, url, body } = value;
  if (customId === undefined || customId === null)
    return fault('missing_custom_id', 'custom_id is missing.', 'custom_id');
  if (typeof customId !== 'string' || customId === '' || customId.length > CUSTOM_ID_LENGTH_MAX)
    return fault(
      'invalid_custom_id',
      `custom_id must be a string of 1 to ${CUSTOM_ID_LENGTH_MAX} characters.`,
      'custom_id',
    );
  // Neither Postgres nor a client that matches answers to questions could keep it as it is.
  if (customId.includes('\u0000') || !customId.isWellFormed())
    return fault('invalid_custom_id', 'custom_id holds a character that is not allowed.', 'custom_id');
  if (method !== 'POST') return fault('invalid_method', 'method must be POST.', 'method');
  if (url !== endpoint)
    return fault(
      'mismatched_endpoint',
      `url must be ${endpoint}, as the batch was created with that endpoint.`,
      'url',
    );
  if (!isRecord(body)) return fault('invalid_body', 'body must be a JSON object.', 'body');
  return { framed: { customId, body } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What became of a line. */
export type LineOutcome = 'completed' | 'failed' | 'expired' | 'cancelled';

/**
 * @param state in which the line's job ended
 * @param isCancelling the batch is being cancelled; a job that was cancelled by itself has failed its line
 */
export function outcomeOfJob(state: TerminalState, isCancelling: boolean): LineOutcome {
  switch (state) {
    case 'completed':
    case 'failed':
    case 'expired':
      return state;
    case 'cancelled':
      return isCancelling ? 'cancelled' : 'failed';
  }
}

/** Of a line that was never asked. */
export function outcomeUnasked(isCancelling: boolean): LineOutcome {
  return isCancelling ? 'cancelled' : 'expired';
}

/**
 * Whether a line that was refused with this is asked again later, rather than given up: the refusal says something about
 * this moment, and nothing about the line.
 */
export function waitsForRoom(code: RequestErrorCode): boolean {
  return PASSING.has(code);
}

const PASSING: ReadonlySet<RequestErrorCode> = new Set([
  'QUEUE_FULL',
  'RATE_LIMIT_REACHED',
  // It is lifted at midnight UTC, and the completion window bounds the wait.
  'BUDGET_EXHAUSTED',
  'DATABASE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'INTERNAL_ERROR',
]);
