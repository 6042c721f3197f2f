import { describe, expect, it } from '@jest/globals';
import { RouterProblem, answered } from './router-problem.js';
import { routerAddress } from './router-address.js';

const refusal = (body: unknown, status: number, headers: Record<string, string> = {}) =>
  answered(Promise.resolve({ error: body, response: new Response(null, { status, headers }) })).then(
    () => undefined,
    (error: unknown) => error as RouterProblem,
  );

describe('what the router answers', () => {
  it('is read in the form of OpenAI’s refusals, too', async () => {
    const error = { message: 'the batch reads it', type: 'invalid_request_error', code: 'FILE_IN_USE' };
    expect(await refusal({ error }, 409)).toMatchObject({
      problem: { code: 'FILE_IN_USE', detail: 'the batch reads it', status: 409 },
    });
  });

  it('is given on where it is an answer', async () => {
    const data = { run_id: 'r' };
    await expect(answered(Promise.resolve({ data, response: new Response() }))).resolves.toBe(data);
  });

  it('is a problem with its code, its fields and the id of the request where it refuses', async () => {
    const error = await refusal(
      {
        code: 'VALIDATION_FAILED',
        title: 'Invalid',
        detail: 'models: required',
        status: 400,
        errors: [{ field: 'models', message: 'required' }, 'nonsense'],
      },
      400,
      { 'x-request-id': 'req-1' },
    );
    expect(error).toBeInstanceOf(RouterProblem);
    expect(error).toMatchObject({
      requestId: 'req-1',
      problem: {
        code: 'VALIDATION_FAILED',
        detail: 'models: required',
        status: 400,
        errors: [{ field: 'models', message: 'required' }],
      },
    });
  });

  it.each([['<html>Bad gateway</html>'], [undefined], [null], [{ code: 7 }]])(
    'is a problem also where something in between answers %j',
    async (body) => {
      expect(await refusal(body, 502)).toMatchObject({
        requestId: undefined,
        problem: { code: 'HTTP_502', status: 502, errors: [] },
      });
    },
  );
});

describe('where the router is', () => {
  it.each([
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
    ['http://127.0.0.1:8080/#/runs/1', 'http://127.0.0.1:8080'],
    ['https://example.org/beacon/?a=b#/queue', 'https://example.org/beacon'],
    ['https://example.org/beacon/index.html', 'https://example.org/beacon'],
  ])('of %s is %s', (page, router) => expect(routerAddress(page)).toBe(router));
});
