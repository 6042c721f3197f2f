import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { acceptEmptyBodies } from './accept-empty-bodies.js';

describe('a request that announces JSON and has no body', () => {
  let server: FastifyInstance;
  let origin: string;
  const ask = (method: string, path: string, body?: string): Promise<Response> =>
    fetch(`${origin}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });

  beforeAll(async () => {
    server = fastify();
    acceptEmptyBodies(server);
    for (const url of ['/v1/files/:id', '/v1/batches/:id/cancel', '/inference/:id'])
      server.route({ method: ['DELETE', 'POST'], url, handler: ({ body }) => ({ body: body ?? null }) });
    origin = await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => server.close());

  it.each([
    ['DELETE', '/v1/files/file-1', 'as files.delete sends it'],
    ['POST', '/v1/batches/batch_1/cancel', 'with a length of 0, as batches.cancel sends it'],
  ])('is one without a body: %s %s, %s', async (method, path) => {
    const answer = await ask(method, path);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ body: null });
  });

  it('is refused outside the OpenAI door', async () => {
    expect((await ask('POST', '/inference/1')).status).toBe(400);
  });

  it('is another matter where there is a body: it is read, and a broken one refused', async () => {
    expect(await (await ask('POST', '/v1/batches/b/cancel', '{"a":1}')).json()).toEqual({ body: { a: 1 } });
    expect((await ask('POST', '/v1/batches/b/cancel', '{')).status).toBe(400);
  });
});
