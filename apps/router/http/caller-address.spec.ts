import { describe, expect, it } from '@jest/globals';
import { fastify } from 'fastify';
import { callerAddress } from './caller-address.js';

/** Who is taken for the caller of a request that comes from 127.0.0.1. */
async function addressOf(trustProxy: string[], forwarded: string | undefined): Promise<string> {
  const server = fastify({ trustProxy });
  server.get('/', (request) => callerAddress(request));
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  const address = await fetch(url, { headers }).then((response) => response.text());
  await server.close();
  return address;
}

describe('where a request comes from', () => {
  it.each([
    ['nobody is trusted', [], '203.0.113.7', '127.0.0.1'],
    ['another proxy is trusted', ['127.0.0.2'], '203.0.113.7', '127.0.0.1'],
    ['it is a trusted proxy', ['127.0.0.1'], '203.0.113.7', '203.0.113.7'],
    ['its network is trusted', ['127.0.0.0/8'], '203.0.113.7', '203.0.113.7'],
    ['the client wrote the header too', ['127.0.0.1'], '192.0.2.1, 203.0.113.7', '203.0.113.7'],
    ['there are two trusted proxies', ['127.0.0.0/8'], '192.0.2.1, 203.0.113.7, 127.0.0.9', '203.0.113.7'],
    ['it has a port', ['127.0.0.1'], '203.0.113.7:4711', '203.0.113.7'],
    ['it is of IPv6, with a port', ['127.0.0.1'], '[2001:db8::1]:4711', '2001:db8::1'],
    ['it is of IPv6', ['127.0.0.1'], '2001:db8::1', '2001:db8::1'],
    ['the proxy knows it not', ['127.0.0.1'], 'unknown', '127.0.0.1'],
    ['the proxy says nothing', ['127.0.0.1'], undefined, '127.0.0.1'],
  ] as const)('where %s', async (_title, trusted, forwarded, expected) => {
    expect(await addressOf([...trusted], forwarded)).toBe(expected);
  });
});
