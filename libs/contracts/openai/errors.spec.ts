import { describe, expect, it } from '@jest/globals';
import { REQUEST_ERRORS } from '#domain';
import { PROBLEMS, ProblemError } from '../problems.js';
import { isOpenAiPath, openAiErrorOf, openAiErrorSchema, openAiFailureOf } from './errors.js';

describe("errors in OpenAI's shape", () => {
  it.each([
    ['VALIDATION_FAILED', 400, 'invalid_request_error'],
    ['UNAUTHENTICATED', 401, 'authentication_error'],
    ['FORBIDDEN', 403, 'permission_error'],
    ['UNKNOWN_MODEL', 404, 'invalid_request_error'],
    ['BODY_TOO_LARGE', 413, 'invalid_request_error'],
    ['RATE_LIMIT_REACHED', 429, 'rate_limit_error'],
    ['QUEUE_FULL', 429, 'rate_limit_error'],
    ['BUDGET_EXHAUSTED', 429, 'insufficient_quota'],
    ['INTERNAL_ERROR', 500, 'server_error'],
    ['SHUTTING_DOWN', 503, 'server_error'],
  ] as const)('tell %s with the status %i as %s', (code, status, type) => {
    const told = openAiErrorOf(
      new ProblemError(code, 'why', [{ field: 'messages[0].role', message: 'why' }]),
    );
    expect(told).toMatchObject({
      status,
      body: { error: { message: 'why', type, param: 'messages[0].role', code } },
    });
  });

  it('exist for every code of a refused request', () => {
    for (const code of REQUEST_ERRORS) {
      const { status, body } = openAiErrorOf(new ProblemError(code, 'why'));
      expect(openAiErrorSchema.safeParse(body).success).toBe(true);
      expect([PROBLEMS[code].status, 404]).toContain(status);
      expect(body.error.param).toBeNull();
    }
  });

  it('tell clients not to repeat what they would repeat in vain', () => {
    const isFinal = (code: 'IDEMPOTENCY_KEY_REUSED' | 'BUDGET_EXHAUSTED' | 'QUEUE_FULL'): boolean =>
      openAiErrorOf(new ProblemError(code, 'why')).isFinal;
    expect(isFinal('IDEMPOTENCY_KEY_REUSED')).toBe(true);
    expect(isFinal('BUDGET_EXHAUSTED')).toBe(true);
    expect(isFinal('QUEUE_FULL')).toBe(false);
  });

  it.each([
    ['failed', 'REQUEST_REJECTED', 400, 'invalid_request_error'],
    ['failed', 'EXECUTION_TIMEOUT', 424, 'job_failed'],
    ['failed', 'UPSTREAM_ERROR', 424, 'job_failed'],
    ['expired', 'DEADLINE_EXCEEDED', 424, 'job_failed'],
  ] as const)('tell of a job that %s with %s by the status %i, once for all', (state, code, status, type) => {
    const told = openAiFailureOf({ state, error: { code, message: 'what went wrong' } });
    expect(told).toMatchObject({
      status,
      isFinal: true,
      body: { error: { type, code, message: 'what went wrong' } },
    });
  });

  it.each([
    ['cancelled', 424],
    ['expired', 424],
  ] as const)('tell of a job that is %s without a code', (state, status) => {
    expect(openAiFailureOf({ state, error: null })).toMatchObject({
      status,
      body: { error: { code: state.toUpperCase(), message: `the job is ${state}` } },
    });
  });

  it('of a cancelled job say that, whatever an attempt met before', () => {
    const told = openAiFailureOf({ state: 'cancelled', error: { code: 'UPSTREAM_ERROR', message: 'x' } });
    expect(told).toMatchObject({ status: 424, body: { error: { code: 'CANCELLED' } } });
  });

  it.each([
    ['/v1/chat/completions', true],
    ['/v1/models', true],
    ['/v1/models/a', true],
    ['/v1/batches/x/cancel', true],
    ['/v1/files', true],
    ['/v1/nothing', true],
    ['/v1/inference', false],
    ['/v1x', false],
    ['/inference', false],
  ])('of %s: %s', (path, isTheirs) => {
    expect(isOpenAiPath(path)).toBe(isTheirs);
  });
});
