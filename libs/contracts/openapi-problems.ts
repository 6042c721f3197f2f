import type { RequestErrorCode } from '#domain';
import { openAiErrorOf, openAiFailureOf } from './openai/errors.js';
import { PROBLEMS, ProblemError, type FieldError } from './problems.js';

/** What any request with a JSON body can be refused with. */
export const BODY_PROBLEMS = [
  'VALIDATION_FAILED',
  'MALFORMED_JSON',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
] as const;

/** Codes that stand together in a response with a name; more of them make no name that can be read. */
const NAMED_MAX = 3;
const ORDER = Object.keys(PROBLEMS);

const text = { type: 'string' } as const;
const seconds = { type: 'integer', minimum: 0 } as const;
export const RESPONSE_HEADERS = {
  RequestId: {
    description: 'Names the request in the logs; to be told when asking for help',
    schema: { type: 'string', format: 'uuid' },
    example: '0d3f4c1e-6f0b-4f4f-9a55-1d2f0c8f6f4e',
  },
  RetryAfter: { description: 'Seconds after which the same may be taken', schema: seconds, example: 3 },
  Challenge: { description: 'How to say who asks: `Bearer`', schema: text, example: 'Bearer' },
} as const;

const WHERE = {
  'x-request-id': 'RequestId',
  'retry-after': 'RetryAfter',
  'www-authenticate': 'Challenge',
} as const;

/** Headers of an answer: the request's id, and those that are named. */
export function headersOf(more: readonly (keyof typeof WHERE)[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    (['x-request-id', ...more] as const).map((name) => [
      name,
      { $ref: `#/components/headers/${WHERE[name]}` },
    ]),
  );
}

/** What a refusal says, where the title of its code alone would say too little. */
const SAYS: Partial<Readonly<Record<RequestErrorCode, readonly [detail: string, ...errors: FieldError[]]>>> =
  {
    VALIDATION_FAILED: [
      'temperature: must be at most 2',
      { field: 'temperature', message: 'must be at most 2' },
    ],
    UNKNOWN_MODEL: [
      'model: no endpoint serves "llama4-1b"; there are llama3.2-1b, qwen2.5-1.5b',
      { field: 'model', message: 'no endpoint serves "llama4-1b"; there are llama3.2-1b, qwen2.5-1.5b' },
    ],
    RATE_LIMIT_REACHED: [
      'requests_per_s of the key: may make 10 requests per second, 20 at once; try again in 1 s',
      {
        field: 'requests_per_s of the key',
        message: 'may make 10 requests per second, 20 at once; try again in 1 s',
      },
    ],
    QUEUE_FULL: [
      'limits.queued_jobs: the server may have 100000 jobs waiting and has 100000; try again in 30 s',
      {
        field: 'limits.queued_jobs',
        message: 'the server may have 100000 jobs waiting and has 100000; try again in 30 s',
      },
    ],
  };

/** Jobs that end without an answer, as the OpenAI door tells of them. */
const FAILED = [
  openAiFailureOf({
    state: 'failed',
    error: { code: 'REQUEST_REJECTED', message: 'the endpoint refuses the request' },
  }),
  openAiFailureOf({ state: 'cancelled', error: null }),
  openAiFailureOf({ state: 'failed', error: { code: 'MODEL_ERROR', message: 'the model failed' } }),
  openAiFailureOf({
    state: 'expired',
    error: { code: 'DEADLINE_EXCEEDED', message: 'the deadline has passed' },
  }),
];

/** Refusals, each list of codes described once: `ValidationFailedOrMalformedJson`. */
export class Refusals {
  private readonly named = new Map<string, Record<string, unknown>>();

  /**
   * @param codes that share a status
   * @param shape of the body
   * @param failed the status, where it also tells that a job has failed
   */
  refer(
    codes: readonly RequestErrorCode[],
    shape: 'problem' | 'openai' = 'problem',
    failed?: number,
  ): Record<string, unknown> {
    const list = [...new Set(codes)].sort((left, right) => ORDER.indexOf(left) - ORDER.indexOf(right));
    const response = describe(list, shape, failed);
    if (list.length === 0 || list.length > NAMED_MAX || failed !== undefined) return response;
    const name = `${shape === 'openai' ? 'OpenAi' : ''}${list.map(pascal).join('Or')}`;
    this.named.set(name, response);
    return { $ref: `#/components/responses/${name}` };
  }

  responses(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.named].sort(([left], [right]) => (left < right ? -1 : 1)));
  }
}

function describe(
  codes: readonly RequestErrorCode[],
  shape: 'problem' | 'openai',
  failed: number | undefined,
): Record<string, unknown> {
  const statuses = codes.map((code) => PROBLEMS[code].status);
  const examples: Record<string, unknown> = Object.fromEntries(
    codes.map((code) => {
      const [detail, ...errors] = SAYS[code] ?? [PROBLEMS[code].title];
      const refusal = new ProblemError(code, detail, errors);
      return [code, { value: shape === 'openai' ? openAiErrorOf(refusal).body : refusal.toProblem() }];
    }),
  );
  const job = FAILED.find((each) => each.status === failed);
  if (job !== undefined) examples[job.body.error.code ?? ''] = { value: job.body };
  const media = shape === 'openai' ? 'application/json' : 'application/problem+json';
  const schema = { $ref: `#/components/schemas/${shape === 'openai' ? 'OpenAiError' : 'Problem'}` };
  return {
    description: [
      ...codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`),
      ...(failed !== undefined ? ['The code of a job that failed, as in docs/errors.md'] : []),
    ].join('\n\n'),
    headers: headersOf([
      ...(statuses.includes(401) && codes.includes('UNAUTHENTICATED') ? (['www-authenticate'] as const) : []),
      ...(statuses.includes(429) ? (['retry-after'] as const) : []),
    ]),
    content: { [media]: { schema, examples } },
  };
}

function pascal(code: RequestErrorCode): string {
  return code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
