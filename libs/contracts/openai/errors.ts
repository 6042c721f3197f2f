import type { RequestErrorCode, TerminalState } from '#domain';
import { z } from 'zod';
import { PROBLEMS, type ProblemError } from '../problems.js';

/** OpenAI's kinds of errors; their clients branch on the HTTP status, people on these. */
export const OPENAI_ERROR_TYPES = [
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'rate_limit_error',
  'insufficient_quota',
  'server_error',
  // Not OpenAI's: some tools repeat without end what is named like one of theirs.
  'job_failed',
] as const;
export type OpenAiErrorType = (typeof OPENAI_ERROR_TYPES)[number];

/** Body of every refusal and failure of the OpenAI door. Also what customers are told: there is no more in it. */
export const openAiErrorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.enum(OPENAI_ERROR_TYPES),
      /** Field of the body, or header; null: none. */
      param: z.string().nullable(),
      /** Beacon's own code, as in docs/errors.md. */
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'OpenAiError' });
export type OpenAiErrorBody = z.infer<typeof openAiErrorSchema>;

/** An error as the door tells it. */
export interface OpenAiError {
  readonly status: number;
  readonly body: OpenAiErrorBody;
  /** Another try of the same request would fail alike, or be paid for again: OpenAI's clients obey `x-should-retry`. */
  readonly isFinal: boolean;
}

/** Where OpenAI answers with another status than the rest of Beacon. */
const STATUS_AT_DOOR: Partial<Readonly<Record<RequestErrorCode, number>>> = { UNKNOWN_MODEL: 404 };

/** OpenAI's clients try these again of their own, and nothing will have changed. */
const FINAL: ReadonlySet<RequestErrorCode> = new Set(['IDEMPOTENCY_KEY_REUSED', 'BUDGET_EXHAUSTED']);

/** The status that a code has at the door. */
export function openAiStatus(code: RequestErrorCode): number {
  return STATUS_AT_DOOR[code] ?? PROBLEMS[code].status;
}

/** A refused request in OpenAI's shape. */
export function openAiErrorOf(problem: ProblemError): OpenAiError {
  const { code, detail, errors } = problem;
  const status = openAiStatus(code);
  const [first] = errors;
  return {
    status,
    body: {
      error: {
        message: detail,
        type: code === 'BUDGET_EXHAUSTED' ? 'insufficient_quota' : typeOf(status),
        param: first?.field ?? null,
        code,
      },
    },
    isFinal: status === 409 || FINAL.has(code),
  };
}

/** How a job ended that has no answer. */
export interface JobFailure {
  readonly state: TerminalState;
  /** null: the job was cancelled, or had expired without an attempt. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** An answer without an end to hope for: 5xx, 408, 409 and 429 are repeated by tools, some of them for ever. */
const FAILED_STATUS = 424;

/**
 * A job that ended without an answer, in OpenAI's shape. Beacon has made the attempts that it may: whoever asks again has
 * them made, and paid for, again.
 */
export function openAiFailureOf({ state, error }: JobFailure): OpenAiError {
  // What an attempt met before is not why.
  if (state === 'cancelled') return failure(FAILED_STATUS, 'CANCELLED', 'the job is cancelled');
  const code = error?.code ?? state.toUpperCase();
  return failure(
    code === 'REQUEST_REJECTED' ? 400 : FAILED_STATUS,
    ...([code, error?.message ?? `the job is ${state}`] as const),
  );
}

function failure(status: number, code: string, message: string): OpenAiError {
  const type = status === FAILED_STATUS ? 'job_failed' : typeOf(status);
  return { status, body: { error: { message, type, param: null, code } }, isFinal: true };
}

function typeOf(status: number): OpenAiErrorType {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Whether a path belongs to the door whose errors have OpenAI's shape: all of `/v1` but the native `/v1/inference`. */
export function isOpenAiPath(path: string): boolean {
  return /^\/v1(\/|$)/.test(path) && !/^\/v1\/inference(\/|$)/.test(path);
}
