import type { RequestErrorCode } from '#domain';
import { z } from 'zod';
import { wordsOfIssue, wordsOfMissing } from './issue-words.js';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** RFC 9457 status and title of every code a request can be refused with. A missing one does not compile. */
export const PROBLEMS: Readonly<Record<RequestErrorCode, ProblemKind>> = {
  VALIDATION_FAILED: { status: 400, title: 'The request is not valid' },
  MALFORMED_JSON: { status: 400, title: 'The body is not JSON' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be application/json' },
  UNKNOWN_MODEL: { status: 400, title: 'No endpoint serves this model' },
  UNKNOWN_REGION: { status: 404, title: 'There is no such region' },
  UNKNOWN_ENDPOINT: { status: 404, title: 'There is no such endpoint' },
  UNKNOWN_SETTING: { status: 404, title: 'There is no such setting that can be changed while Beacon runs' },
  CHANGE_NOT_FOUND: { status: 404, title: 'There is no such change' },
  CHANGE_SUPERSEDED: { status: 409, title: 'A later change of the same thing would be overwritten' },
  NOT_CONTROLLABLE: { status: 409, title: 'The endpoint cannot be made to do that' },
  MODEL_NOT_IN_REGION: { status: 400, title: 'The model is not deployed in the region the job is pinned to' },
  IDEMPOTENCY_KEY_REUSED: { status: 409, title: 'The idempotency key was used with another request' },
  JOB_NOT_FOUND: { status: 404, title: 'There is no such job' },
  JOB_FINISHED: { status: 409, title: 'The job has already finished' },
  JOB_NOT_FINISHED: { status: 409, title: 'The job has not finished yet' },
  DEAD_LETTER_NOT_FOUND: { status: 404, title: 'There is no such dead letter' },
  DEAD_LETTER_DISCARDED: { status: 409, title: 'The dead letter has been discarded' },
  DEAD_LETTER_REDRIVEN: { status: 409, title: 'The dead letter has been redriven' },
  JOB_OF_RUN: { status: 409, title: 'The job belongs to a run' },
  CONTENT_ERASED: { status: 410, title: 'What this needs has been erased' },
  RUN_NOT_FOUND: { status: 404, title: 'There is no such run' },
  RUN_FINISHED: { status: 409, title: 'The run has already finished' },
  RUN_NOT_FINISHED: { status: 409, title: 'The run has not finished yet' },
  UNKNOWN_TASK_TYPE: { status: 400, title: 'There is no such type of task' },
  TASKS_NOT_CONFIGURED: { status: 404, title: 'This server takes no tasks' },
  TASK_NOT_FOUND: { status: 404, title: 'There is no such task' },
  TASK_FINISHED: { status: 409, title: 'The task has already finished' },
  FILE_NOT_FOUND: { status: 404, title: 'There is no such file' },
  FILE_IN_USE: { status: 409, title: 'A batch that has not finished reads the file' },
  FILE_STORAGE_FULL: { status: 413, title: 'The files of the tenant take all the room they may' },
  BATCH_NOT_FOUND: { status: 404, title: 'There is no such batch' },
  BATCH_FINISHED: { status: 409, title: 'The batch has already finished' },
  BATCH_NOT_FINISHED: { status: 409, title: 'The batch has not finished yet' },
  GATE_NOT_FOUND: { status: 404, title: 'There is no such gate' },
  GATE_DECIDED: { status: 409, title: 'The gate has already been decided otherwise' },
  CALLBACK_REFUSED: { status: 401, title: 'The secret of the callback is missing or wrong' },
  WEBHOOK_NOT_FOUND: { status: 404, title: 'There is no such webhook' },
  UNAUTHENTICATED: { status: 401, title: 'A key is needed' },
  FORBIDDEN: { status: 403, title: 'The key does not allow this' },
  KEYS_NOT_IN_FORCE: { status: 409, title: 'The server has no keys' },
  KEY_NOT_FOUND: { status: 404, title: 'There is no such key' },
  KEY_ENDED: { status: 409, title: 'The key has expired or was revoked' },
  KEY_IN_FILE: { status: 409, title: 'The key stands in the keys file' },
  BUDGET_EXHAUSTED: { status: 429, title: 'The key has cost what it may in a day' },
  RATE_LIMIT_REACHED: { status: 429, title: 'Too many requests' },
  QUEUE_FULL: { status: 429, title: 'As much is waiting, or under way, as may be' },
  TOO_MANY_STREAMS: { status: 503, title: 'Too many event streams are open' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is nothing here' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The method is not allowed here' },
  REQUEST_INVALID: { status: 400, title: 'The HTTP request is not valid' },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database cannot be reached' },
  SHUTTING_DOWN: { status: 503, title: 'The server is stopping' },
  INTERNAL_ERROR: { status: 500, title: 'Something went wrong inside Beacon' },
};

export const fieldErrorSchema = z
  .object({
    field: z
      .string()
      .describe('Path into the body, e.g. `questions[2].text`; header and query fields carry their name.'),
    message: z.string(),
  })
  .meta({ id: 'FieldError' });
export type FieldError = z.infer<typeof fieldErrorSchema>;

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    instance: z.string().optional(),
    errors: z.array(fieldErrorSchema).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

/** `type` of a problem document: derived from the code, so that it never drifts. */
export function problemType(code: RequestErrorCode): string {
  return `urn:beacon:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}

/** A refusal that passes by itself says when. */
export interface ProblemOptions extends ErrorOptions {
  /** `Retry-After`, in whole seconds. */
  readonly retryAfterS?: number;
}

/** A request that is refused. Carries all that its problem document says. */
export class ProblemError extends Error {
  /** Seconds after which the same request may be taken; goes out as `Retry-After`. */
  readonly retryAfterS: number | undefined;

  constructor(
    readonly code: RequestErrorCode,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
    options?: ProblemOptions,
  ) {
    super(`${code}: ${detail}`, options);
    this.name = 'ProblemError';
    this.retryAfterS = options?.retryAfterS;
  }

  toProblem(instance?: string): Problem {
    const { status, title } = PROBLEMS[this.code];
    return {
      type: problemType(this.code),
      title,
      status,
      detail: this.detail,
      code: this.code,
      ...(instance === undefined ? {} : { instance }),
      ...(this.errors.length === 0 ? {} : { errors: [...this.errors] }),
    };
  }
}

/** @throws ProblemError VALIDATION_FAILED naming every field that is wrong and the limit it passed */
export function parseRequest<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value, { error: wordsOfIssue, reportInput: true });
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues, []);
  throw new ProblemError('VALIDATION_FAILED', detailOf(errors), errors);
}

/** Faults that `detail` names; `errors` has them all. */
const NAMED_MAX = 3;

/** The first few faults in one sentence, and how many more there are. @param errors one at least */
export function detailOf(errors: readonly FieldError[]): string {
  const named = errors.slice(0, NAMED_MAX).map(({ field, message }) => `${field}: ${message}`);
  const more = errors.length - named.length;
  return [...named, ...(more === 0 ? [] : [`and ${more} more`])].join('; ');
}

function fieldErrors(issues: readonly z.core.$ZodIssue[], parent: readonly PropertyKey[]): FieldError[] {
  return issues.flatMap((issue): FieldError[] => {
    const path = [...parent, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ field: pathOf([...path, key]), message: 'is not a known field' }));
    }
    // What is wrong with the name says its limit; that it is invalid does not.
    if (issue.code === 'invalid_key') return fieldErrors(issue.issues, path).map(ofName);
    if (issue.code === 'invalid_union') {
      // The alternative that was meant is the one that the value's type fits: its faults lie within, not at the top.
      const meant = issue.errors.find((branch) => !branch.some(isMismatch));
      if (meant !== undefined) return fieldErrors(meant, path);
    }
    return [{ field: pathOf(path), message: wordsOfMissing(issue) ?? issue.message }];
  });
}

/** The field of a fault in a name is the member that has it: its value may be good. */
function ofName({ field, message }: FieldError): FieldError {
  return { field, message: message.startsWith('must ') ? `its name ${message}` : message };
}

function isMismatch(issue: z.core.$ZodIssue): boolean {
  return (issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.path.length === 0;
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'body';
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
    )
    .join('');
}
