/** What a problem document of the router says, as far as people are shown it. */
export interface ProblemDocument {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly status: number;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

/** The router's refusal of a request. Branch on `problem.code`. */
export class RouterProblem extends Error {
  constructor(
    readonly problem: ProblemDocument,
    /** To be given to operations: their log names it too. */
    readonly requestId: string | undefined,
  ) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = 'RouterProblem';
  }
}

/** The answer of a typed client's call. Of something between page and router `error` may be anything. */
export interface ClientReply<Data> {
  readonly data?: Data | undefined;
  readonly error?: unknown;
  readonly response: Response;
}

/** @throws RouterProblem where the router refused */
export async function answered<Data>(call: Promise<ClientReply<Data>>): Promise<Exclude<Data, undefined>> {
  const { data, error, response } = await call;
  if (response.ok && data !== undefined) return data as Exclude<Data, undefined>;
  throw problemOf(error, response);
}

/** @param body what came with a refusal, parsed where it was JSON */
export function problemOf(body: unknown, response: Pick<Response, 'status' | 'headers'>): RouterProblem {
  const whole = isRecord(body) ? body : {};
  // What OpenAI's clients ask is refused in OpenAI's form.
  const given = isRecord(whole['error']) ? { ...whole['error'], detail: whole['error']['message'] } : whole;
  const text = (name: string, otherwise: string): string => {
    const value = given[name];
    return typeof value === 'string' && value !== '' ? value : otherwise;
  };
  const problem: ProblemDocument = {
    code: text('code', `HTTP_${response.status}`),
    title: text('title', 'The request was refused'),
    detail: text('detail', `The answer had the status ${response.status} and said nothing more.`),
    status: response.status,
    errors: fieldsOf(given['errors']),
  };
  return new RouterProblem(problem, response.headers.get('x-request-id') ?? undefined);
}

function fieldsOf(errors: unknown): ProblemDocument['errors'] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    if (!isRecord(error)) return [];
    const { field, message } = error;
    return typeof field === 'string' && typeof message === 'string' ? [{ field, message }] : [];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
