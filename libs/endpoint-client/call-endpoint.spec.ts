import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Ticket } from '#contracts';
import { Upstream } from '#testing';
import { callEndpoint } from './call-endpoint.js';
import type { Endpoint } from './endpoint.js';
import { createHttpClient, type HttpClient } from './http.js';

describe('a call that was answered 303', () => {
  let upstream: Upstream;
  let http: HttpClient;
  beforeAll(async () => {
    upstream = await Upstream.start();
    http = createHttpClient();
  });
  afterAll(async () => {
    await http.close();
    await upstream.close();
  });

  const aCall = (model: string, signal = new AbortController().signal) => {
    const url = `${upstream.url}/US/${model}`;
    const endpoint: Endpoint = {
      ...{ id: 'us', region: 'US', regionNames: ['US'], protocol: 'modal-hf', url },
      healthUrl: undefined,
    };
    const ticket: Ticket = {
      ...{ v: 1, job_id: randomUUID(), attempt: 1, epoch: 1, endpoint_id: 'us', region: 'US', model },
      ...{ staged: false, timeout_ms: 10_000 },
      request: { prompt: 'Hello', temperature: 0, max_tokens: 1 },
    };
    const options = { credentials: undefined, resultUrl: undefined, onResultUrl: () => Promise.resolve() };
    return callEndpoint(http.axios, endpoint, ticket, { ...options, cancelled: signal });
  };

  it('is found again when the connection to its result breaks, and is not made again', async () => {
    let reads = 0;
    upstream.from('US/broken', (call) => {
      if (call.method === 'POST') return call.respond(303, '', { location: `${call.url}?token=1` });
      reads += 1;
      if (reads <= 3) return call.reset();
      call.answer({ model: 'broken' });
    });
    expect(await aCall('broken')).toMatchObject({ kind: 'succeeded' });
    expect(upstream.callsOf('US/broken').map(({ method }) => method)).toEqual([
      'POST',
      'GET',
      'GET',
      'GET',
      'GET',
    ]);
  });

  it('can be cancelled while its result cannot be reached', async () => {
    const abort = new AbortController();
    upstream.from('US/away', (call) => {
      if (call.method === 'POST') return call.respond(303, '', { location: `${call.url}?token=1` });
      call.reset();
      abort.abort();
    });
    expect(await aCall('away', abort.signal)).toEqual({ kind: 'cancelled' });
  });

  it('is lost at once where the connection breaks before the 303: then nobody can find it', async () => {
    upstream.from('US/lost', (call) => call.reset());
    expect(await aCall('lost')).toMatchObject({ kind: 'failed', code: 'CONNECTION_LOST' });
    expect(upstream.callsOf('US/lost')).toHaveLength(1);
  });
});
