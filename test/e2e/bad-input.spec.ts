import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon, type Reply, type RequestOptions } from '#testing';

const GOOD = { model: 'm', prompt: 'hello' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** What is wrong, the body that has it, the field that the answer must name, and the code where it is special. */
type BadBody = readonly [title: string, body: unknown, field: string, code?: string];

const BAD_BODIES: readonly BadBody[] = [
  ['no model', { prompt: 'x' }, 'model'],
  ['a model of the wrong type', { ...GOOD, model: 7 }, 'model'],
  ['an empty model', { ...GOOD, model: '' }, 'model'],
  ['an endless model', { ...GOOD, model: 'm'.repeat(65) }, 'model'],
  ['an unknown model', { ...GOOD, model: 'gpt-99' }, 'model', 'UNKNOWN_MODEL'],
  ['a model named like a built-in', { ...GOOD, model: 'constructor' }, 'model', 'UNKNOWN_MODEL'],
  ['a model with U+0000', { ...GOOD, model: 'm\u0000' }, 'model', 'UNKNOWN_MODEL'],
  ['neither prompt nor messages', { model: 'm' }, 'prompt'],
  ['prompt and messages', { ...GOOD, messages: [{ role: 'user', content: 'x' }] }, 'prompt'],
  ['a prompt of the wrong type', { ...GOOD, prompt: ['x'] }, 'prompt'],
  ['an empty prompt', { ...GOOD, prompt: '' }, 'prompt'],
  ['a null prompt', { ...GOOD, prompt: null }, 'prompt'],
  ['an oversized prompt', { ...GOOD, prompt: 'x'.repeat(262_145) }, 'prompt'],
  ['a prompt oversized in UTF-8', { ...GOOD, prompt: '€'.repeat(90_000) }, 'prompt'],
  ['U+0000 in the prompt', { ...GOOD, prompt: 'a\u0000b' }, 'prompt'],
  ['half a surrogate pair in the prompt', { ...GOOD, prompt: 'a\ud83d' }, 'prompt'],
  ['messages that are no list', { model: 'm', messages: { role: 'user', content: 'x' } }, 'messages'],
  ['no messages in the list', { model: 'm', messages: [] }, 'messages'],
  ['a message without content', { model: 'm', messages: [{ role: 'user' }] }, 'messages[0].content'],
  ['messages that are all empty', { model: 'm', messages: [{ role: 'user', content: '' }] }, 'messages'],
  ['an unknown role', { model: 'm', messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
  [
    'U+0000 in a message',
    { model: 'm', messages: [{ role: 'user', content: '\u0000' }] },
    'messages[0].content',
  ],
  [
    'oversized messages together',
    {
      model: 'm',
      messages: Array.from({ length: 3 }, () => ({ role: 'user', content: 'x'.repeat(100_000) })),
    },
    'messages',
  ],
  ['a temperature of the wrong type', { ...GOOD, temperature: '0.1' }, 'temperature'],
  ['a negative temperature', { ...GOOD, temperature: -1 }, 'temperature'],
  ['a temperature above 2', { ...GOOD, temperature: 2.1 }, 'temperature'],
  ['NaN, which JSON spells null', { ...GOOD, temperature: Number.NaN }, 'temperature'],
  ['no tokens', { ...GOOD, max_tokens: 0 }, 'max_tokens'],
  ['negative tokens', { ...GOOD, max_tokens: -5 }, 'max_tokens'],
  ['half a token', { ...GOOD, max_tokens: 1.5 }, 'max_tokens'],
  ['too many tokens', { ...GOOD, max_tokens: 32_769 }, 'max_tokens'],
  ['tokens beyond safe integers', { ...GOOD, max_tokens: 1e300 }, 'max_tokens'],
  ['an unknown region', { ...GOOD, region_preference: 'MARS' }, 'region_preference'],
  ['a region named like a built-in', { ...GOOD, region_preference: 'toString' }, 'region_preference'],
  ['a region of the wrong type', { ...GOOD, region_preference: ['US'] }, 'region_preference'],
  ['a bad policy', { ...GOOD, region_policy: 'nail' }, 'region_policy'],
  ['a pin without a region', { ...GOOD, region_policy: 'pin' }, 'region_preference'],
  [
    'a pin where the model is not',
    { model: 'us-only', prompt: 'x', region_policy: 'pin', region_preference: 'EU' },
    'region_preference',
    'MODEL_NOT_IN_REGION',
  ],
  ['a bad priority', { ...GOOD, priority: 'urgent' }, 'priority'],
  ['a priority of the wrong type', { ...GOOD, priority: 1 }, 'priority'],
  ['a timeout of nothing', { ...GOOD, timeout_ms: 0 }, 'timeout_ms'],
  ['a negative timeout', { ...GOOD, timeout_ms: -1 }, 'timeout_ms'],
  ['an endless timeout', { ...GOOD, timeout_ms: 86_400_001 }, 'timeout_ms'],
  ['no attempts', { ...GOOD, max_attempts: 0 }, 'max_attempts'],
  ['too many attempts', { ...GOOD, max_attempts: 101 }, 'max_attempts'],
  ['a deadline that has passed', { ...GOOD, deadline: '2020-01-01T00:00:00Z' }, 'deadline'],
  ['a deadline that is no time', { ...GOOD, deadline: 'tomorrow' }, 'deadline'],
  ['a deadline without a zone', { ...GOOD, deadline: '2090-01-01T00:00:00' }, 'deadline'],
  ['a deadline that is a number', { ...GOOD, deadline: 4_000_000_000 }, 'deadline'],
  ['a deadline of no calendar', { ...GOOD, deadline: '2090-02-31T00:00:00Z' }, 'deadline'],
  ['metadata that is a list', { ...GOOD, metadata: [1] }, 'metadata'],
  ['metadata that is text', { ...GOOD, metadata: 'x' }, 'metadata'],
  ['huge metadata', { ...GOOD, metadata: { a: 'x'.repeat(16_384) } }, 'metadata'],
  ['U+0000 in metadata', { ...GOOD, metadata: { a: 'x\u0000' } }, 'metadata'],
  ['U+0000 in a key of metadata', { ...GOOD, metadata: { 'a\u0000': 1 } }, 'metadata'],
  ['half a surrogate pair in metadata', { ...GOOD, metadata: { a: ['\udc00'] } }, 'metadata'],
  ['an unknown field', { ...GOOD, promt: 'x' }, 'promt'],
  ['an unknown field named like a built-in', { ...GOOD, toString: 1 }, 'toString'],
  ['a list for the body', [GOOD], 'body'],
  ['text for the body', 'hello', 'body'],
  ['null for the body', null, 'body'],
];

describe('bad input', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({ configuration: deploymentOf({ m: ['US', 'EU'], 'us-only': ['US'] }) });
  });
  afterAll(() => beacon.stop());

  const expectProblem = (reply: Reply, status: number | undefined, code: string, field?: string): void => {
    const { body } = reply;
    expect({ status: reply.status, code: body['code'] }).toEqual({ status: status ?? reply.status, code });
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
    expect(reply.contentType).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({
      type: `urn:beacon:problem:${code.toLowerCase().replaceAll('_', '-')}`,
      title: expect.any(String),
      status: reply.status,
      detail: expect.any(String),
    });
    if (field === undefined) return;
    expect(body['detail']).toContain(field);
    expect(body['errors']).toContainEqual({ field, message: expect.any(String) });
  };
  const post = (options: RequestOptions, path = '/inference/queued'): Promise<Reply> =>
    beacon.client.request(path, { method: 'POST', ...options });

  describe.each(['/inference/queued', '/inference'])('in the body of POST %s', (path) => {
    it.each(
      BAD_BODIES.map(
        ([title, json, field, code = 'VALIDATION_FAILED']) => [title, json, field, code] as const,
      ),
    )('%s is refused by name', async (_title, json, field, code) => {
      expectProblem(await post({ json }, path), 400, code, field);
    });
  });

  it.each([
    ['an empty one', ''],
    ['half a document', '{"model":"m","prompt":'],
    ['two documents', '{"model":"m"}{"model":"m"}'],
    ['a comment', '{"model":"m",/* */"prompt":"x"}'],
    ['NaN as a word', '{"model":"m","prompt":"x","temperature":NaN}'],
    ['__proto__ as a key', '{"model":"m","prompt":"x","__proto__":{"admin":true}}'],
    ['__proto__ as a key of metadata', '{"model":"m","prompt":"x","metadata":{"__proto__":{"admin":true}}}'],
    ['constructor.prototype as a key', '{"model":"m","prompt":"x","constructor":{"prototype":{"admin":1}}}'],
    ['a hundred thousand lists', '['.repeat(100_000)],
  ])('a body that is %s is malformed JSON', async (_title, raw) => {
    expectProblem(await post({ raw, headers: JSON_TYPE }), 400, 'MALFORMED_JSON', 'body');
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('%s nested deep in metadata are refused by name', async (_title, open, close) => {
    const deep = `${open.repeat(60_000)}1${close.repeat(60_000)}`;
    const raw = `{"model":"m","prompt":"x","metadata":{"a":${deep}}}`;
    expectProblem(await post({ raw, headers: JSON_TYPE }), 400, 'VALIDATION_FAILED', 'metadata');
  });

  it('metadata may be 64 deep and no deeper', async () => {
    const nested = (depth: number): string =>
      `{"model":"m","prompt":"x","metadata":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
    expect((await post({ raw: nested(64), headers: JSON_TYPE })).status).toBe(202);
    const reply = await post({ raw: nested(65), headers: JSON_TYPE });
    expectProblem(reply, 400, 'VALIDATION_FAILED', 'metadata');
  });

  it('a body of 10 MiB is too large', async () => {
    const raw = JSON.stringify({ ...GOOD, prompt: 'x'.repeat(10 * 1024 * 1024) });
    expectProblem(await post({ raw, headers: JSON_TYPE }), 413, 'BODY_TOO_LARGE', 'body');
  });

  it.each([
    ['none', new TextEncoder().encode(JSON.stringify(GOOD)), undefined],
    ['text/plain', JSON.stringify(GOOD), 'text/plain'],
    ['application/xml', '<model/>', 'application/xml'],
    ['a form', 'model=m&prompt=hello', 'application/x-www-form-urlencoded'],
    ['a multipart form', '--x--', 'multipart/form-data; boundary=x'],
    ['nonsense', JSON.stringify(GOOD), 'json'],
  ])('the content type %s is not JSON', async (_title, raw, type) => {
    const reply = await post({ raw, headers: type === undefined ? {} : { 'content-type': type } });
    expectProblem(reply, 415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type');
  });

  it.each([
    ['empty', ''],
    ['with a space', 'two words'],
    ['too long', 'k'.repeat(256)],
    ['with a letter beyond ASCII', 'k\u00e9y'],
  ])('an Idempotency-Key that is %s is refused', async (_title, key) => {
    const reply = await post({ json: GOOD, headers: { 'idempotency-key': key } });
    expectProblem(reply, 400, 'VALIDATION_FAILED', 'Idempotency-Key');
  });

  it.each([
    ['GET', '/inference/status/42', 404, 'JOB_NOT_FOUND', 'job_id'],
    [
      'GET',
      `/inference/status/${"'; DROP TABLE jobs; --".replaceAll(' ', '%20')}`,
      404,
      'JOB_NOT_FOUND',
      'job_id',
    ],
    ['GET', '/inference/status/%00', 404, 'JOB_NOT_FOUND', 'job_id'],
    ['DELETE', '/inference/42', 404, 'JOB_NOT_FOUND', 'job_id'],
    ['GET', `/inference/status/${'x'.repeat(300)}`, 400, 'REQUEST_INVALID', 'path'],
    ['GET', '/inference/status/', 404, 'ROUTE_NOT_FOUND', undefined],
    ['GET', '/inference/status/%E0%A4%A', 400, 'REQUEST_INVALID', 'path'],
    ['GET', '/nothing', 404, 'ROUTE_NOT_FOUND', undefined],
    ['POST', '/', 405, 'METHOD_NOT_ALLOWED', undefined],
    ['GET', '/queue/status/MARS', 404, 'UNKNOWN_REGION', 'region'],
    ['GET', '/queue/status/__proto__', 404, 'UNKNOWN_REGION', 'region'],
    ['GET', '/inference', 405, 'METHOD_NOT_ALLOWED', undefined],
    ['GET', '/inference/queued', 405, 'METHOD_NOT_ALLOWED', undefined],
    ['PUT', '/inference/queued', 405, 'METHOD_NOT_ALLOWED', undefined],
    ['DELETE', '/queue/status', 405, 'METHOD_NOT_ALLOWED', undefined],
    ['POST', '/health', 405, 'METHOD_NOT_ALLOWED', undefined],
  ])('%s %s is %d %s', async (method, path, status, code, field) => {
    const json = method === 'POST' || method === 'PUT' ? { json: GOOD } : {};
    const reply = await beacon.client.request(path, { method, ...json });
    expectProblem(reply, status, code);
    if (field !== undefined) expect(reply.body['detail']).toContain(field);
    if (status === 405) expect(reply.headers.get('allow')).not.toBeNull();
  });

  it.each([
    ['GET', '/dead-letters?model=%00', undefined],
    ['POST', '/dead-letters/redrive', { filter: { model: 'a\u0000' } }],
    ['POST', '/webhook-deliveries/redeliver', { event_type: 'a\u0000' }],
  ])('what the database cannot look for is refused: %s %s', async (method, path, json) => {
    const reply = await beacon.client.request(path, { method, ...(json === undefined ? {} : { json }) });
    expect(reply).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
  });

  it('bytes that are no HTTP request are told so', async () => {
    const socket = connect(Number(new URL(beacon.url).port), '127.0.0.1');
    socket.write('NONSENSE\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"REQUEST_INVALID"/s);
  });

  it('leaves the process unharmed: the next job runs', async () => {
    await post({ json: BAD_BODIES[0]![1] });
    const { job_id } = await beacon.client.queue({ ...GOOD, prompt: 'after all that' });
    await beacon.client.untilJob(job_id, 'completed');
    expect(await beacon.client.request('/health')).toMatchObject({ status: 200 });
  });
});
