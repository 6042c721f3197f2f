import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { LocalEndpoint, NameServer, selfSigned, until } from '#testing';
import { AddressPolicy } from './address-policy.js';
import { resolveByServers, type Resolve } from './checked-lookup.js';
import { postWebhook, type WebhookPosted } from './post-webhook.js';

const OPEN = new AddressPolicy({ allowPrivateAddresses: true });
const STRICT = new AddressPolicy({ allowPrivateAddresses: false });

let receiver: LocalEndpoint;
beforeEach(async () => {
  receiver = await LocalEndpoint.start();
});
afterEach(() => receiver.close());

const port = (): string => new URL(receiver.origin).port;

function post(
  url: string,
  more: { resolve?: Resolve; policy?: AddressPolicy; timeoutMs?: number } = {},
): Promise<WebhookPosted> {
  return postWebhook({
    url,
    body: '{"a":1}',
    headers: { 'webhook-id': 'm1' },
    policy: OPEN,
    ...more,
  });
}

/** A name server that gives each question the next of these answers. */
function answering(...answers: readonly string[][]): { resolve: Resolve; readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: (hostname, callback) => {
      const addresses = answers[asked.length] ?? [];
      asked.push(hostname);
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  };
}

describe('sending a webhook', () => {
  it('POSTs the body as it is, with its headers', async () => {
    receiver.next(({ response }) => void response.writeHead(204).end());
    expect(await post(`${receiver.origin}/hooks?x=1`)).toEqual({ kind: 'accepted', status: 204 });
    const { method, path, body, headers } = await receiver.exchange(1);
    expect({ method, path, body }).toEqual({ method: 'POST', path: '/hooks?x=1', body: '{"a":1}' });
    expect(headers).toMatchObject({ 'webhook-id': 'm1', 'content-type': 'application/json' });
  });

  it.each([
    [301, 'REDIRECTED'],
    [307, 'REDIRECTED'],
    [400, 'REFUSED'],
    [410, 'GONE'],
    [503, 'RECEIVER_ERROR'],
  ])('tells what the answer %i is', async (status, code) => {
    receiver.next(
      ({ response }) => void response.writeHead(status, { location: `${receiver.origin}/other` }).end(),
    );
    expect(await post(receiver.origin)).toEqual({ kind: 'failed', code, status, retryAfterMs: null });
    // No redirect is followed.
    expect(receiver.lines).toEqual(['POST /']);
  });

  it('gives up on a receiver that does not answer', async () => {
    receiver.next(() => undefined);
    expect(await post(receiver.origin, { timeoutMs: 100 })).toEqual({
      ...{ kind: 'failed', code: 'TIMED_OUT', status: null, retryAfterMs: null },
    });
  });

  it('gives up on an answer that comes drop by drop', async () => {
    receiver.next(({ response }) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 10);
      response.once('close', () => clearInterval(timer));
    });
    expect(await post(receiver.origin, { timeoutMs: 150 })).toMatchObject({ code: 'TIMED_OUT' });
  });

  it('is done with an answer that is none', async () => {
    receiver.next(({ response }) => {
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
    });
    expect(await post(receiver.origin)).toMatchObject({ kind: 'failed', code: 'UNREACHABLE' });
    receiver.next(({ response }) => void response.socket?.end('nonsense\r\n\r\n'));
    expect(await post(receiver.origin)).toMatchObject({ kind: 'failed', code: 'UNREACHABLE' });
  });

  it('does not read an answer without end', async () => {
    receiver.next(({ response }) => {
      response.writeHead(200);
      const flood = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      };
      response.on('drain', flood);
      flood();
    });
    expect(await post(receiver.origin)).toEqual({ kind: 'accepted', status: 200 });
    const { hungUp } = await receiver.exchange(1);
    await hungUp;
  });

  it('tells of a receiver that is not there, and of a name that does not resolve', async () => {
    const { origin } = receiver;
    await receiver.close();
    expect(await post(origin)).toMatchObject({ code: 'UNREACHABLE' });
    const { resolve } = answering([]);
    expect(await post('http://receiver.test/', { resolve })).toMatchObject({ code: 'NAME_NOT_RESOLVED' });
    receiver = await LocalEndpoint.start();
  });
});

describe('where private addresses are not allowed', () => {
  const refused = { kind: 'failed', code: 'ADDRESS_REFUSED', status: null, retryAfterMs: null };

  it('a literal one is not connected to', async () => {
    expect(await post(receiver.origin, { policy: STRICT })).toEqual(refused);
    expect(receiver.lines).toEqual([]);
  });

  it.each([[['127.0.0.1']], [['93.184.215.14', '127.0.0.1']], [['::1']], [['::ffff:127.0.0.1']]])(
    'a name that leads to one is not connected to: %j',
    async (addresses) => {
      const { resolve } = answering(addresses);
      const url = `http://receiver.test:${port()}/`;
      expect(await post(url, { resolve, policy: STRICT })).toEqual(refused);
      expect(receiver.lines).toEqual([]);
    },
  );

  it('each try asks for the name anew, and checks anew', async () => {
    const names = answering([], ['127.0.0.1']);
    const url = `http://rebinding.test:${port()}/`;
    const options = { resolve: names.resolve, policy: STRICT };
    expect(await post(url, options)).toMatchObject({ code: 'NAME_NOT_RESOLVED' });
    expect(await post(url, options)).toEqual(refused);
    expect(receiver.lines).toEqual([]);
  });

  it('one look-up serves both the check and the connection, so that a name cannot change in between', async () => {
    receiver.next(({ response }) => void response.writeHead(200).end());
    const { resolve, asked } = answering(['127.0.0.1'], ['127.0.0.2']);
    // Allowed here, so that there is a connection: it goes where the first answer, which was checked, leads.
    expect(await post(`http://receiver.test:${port()}/`, { resolve })).toMatchObject({ kind: 'accepted' });
    expect(asked).toEqual(['receiver.test']);
    expect((await receiver.exchange(1)).headers.host).toBe(`receiver.test:${port()}`);
  });
});

describe('what callers try, against a real server and a real name server', () => {
  let names: NameServer;
  beforeEach(async () => {
    names = await NameServer.start();
  });
  afterEach(() => names.close());

  const resolve: Resolve = (hostname, callback) =>
    resolveByServers(new AbortController().signal, [names.address])(hostname, callback);
  /** On Linux of this machine: a connection to it fails at once; elsewhere nobody answers. */
  const NOBODYS = '127.0.0.2';

  it.each([
    ['a decimal address', () => `http://2130706433:${port()}/`],
    ['an octal address', () => `http://0177.0.0.1:${port()}/`],
    ['an octal address in one', () => `http://017700000001:${port()}/`],
    ['a hexadecimal address', () => `http://0x7f000001:${port()}/`],
    ['a short address', () => `http://127.1:${port()}/`],
    ['the address of this machine', () => `http://0.0.0.0:${port()}/`],
    ['full-width digits', () => `http://\uff11\uff12\uff17.0.0.1:${port()}/`],
    ['an IPv6-mapped address', () => `http://[::ffff:127.0.0.1]:${port()}/`],
    ['an IPv6-mapped address in hexadecimal', () => `http://[::ffff:7f00:1]:${port()}/`],
    ['an IPv4-compatible address', () => `http://[::127.0.0.1]:${port()}/`],
    ['a name that the system knows', () => `http://localhost:${port()}/`],
    ['a name that the system knows, with a dot', () => `http://LOCALHOST.:${port()}/`],
    ['credentials', () => `http://user:secret@127.0.0.1:${port()}/`],
    ['metadata', () => 'http://169.254.169.254/latest/meta-data'],
    ['metadata by IPv6', () => 'http://[fd00:ec2::254]/'],
  ])('%s is refused, and nobody is connected to', async (_title, url) => {
    expect(await post(url(), { policy: STRICT })).toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect(receiver.lines).toEqual([]);
  });

  it.each([
    ['loopback', ['127.0.0.1']],
    ['a public address and loopback', ['1.1.1.1', '127.0.0.1']],
    ['IPv6 loopback', ['::1']],
    ['an IPv6-mapped address', ['::ffff:127.0.0.1']],
    ['metadata', ['169.254.169.254']],
    ['metadata by IPv6', ['fd00:ec2::254']],
    ['a private network', ['10.0.0.1', '192.168.1.1']],
  ])('a name that leads to %s is refused', async (_title, addresses) => {
    names.knows('evil.test', addresses);
    const url = `http://evil.test:${port()}/`;
    expect(await post(url, { policy: STRICT, resolve })).toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect(receiver.lines).toEqual([]);
  });

  it('a name that is rebound between check and connection leads nowhere: it is asked for once', async () => {
    names.knows('rebound.test', [NOBODYS], ['127.0.0.1']);
    const policy = new AddressPolicy({ allowPrivateAddresses: false, allowedHosts: [`${NOBODYS}/32`] });
    const url = `http://rebound.test:${port()}/`;
    // The address of the first answer is nobody's: there is no connection, and none to the second.
    expect(await post(url, { policy, resolve })).toMatchObject({
      code: expect.stringMatching(/^(UNREACHABLE|TIMED_OUT)$/),
    });
    expect(names.asked).toEqual(['rebound.test', 'rebound.test']);
    expect(await post(url, { policy, resolve })).toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect(receiver.lines).toEqual([]);
  });

  it.each([301, 302, 303, 307, 308])(
    'a redirect (%i) to metadata or inward is not followed',
    async (status) => {
      const inward = await LocalEndpoint.start();
      receiver.next(
        ({ response }) => void response.writeHead(status, { location: `${inward.origin}/` }).end(),
      );
      names.knows('hooks.test', ['127.0.0.1']);
      const policy = new AddressPolicy({ allowPrivateAddresses: false, allowedHosts: ['hooks.test'] });
      expect(await post(`http://hooks.test:${port()}/`, { policy, resolve })).toMatchObject({
        code: 'REDIRECTED',
        status,
      });
      expect(inward.lines).toEqual([]);
      await inward.close();
    },
  );

  it('the control: a name that the operator allowed is called, by another name it is not', async () => {
    receiver.next(({ response }) => void response.writeHead(200).end());
    names.knows('hooks.test', ['127.0.0.1']);
    names.knows('other.test', ['127.0.0.1']);
    const policy = new AddressPolicy({
      allowPrivateAddresses: false,
      allowedHosts: [`hooks.test:${port()}`],
    });
    const to = (name: string) => post(`http://${name}:${port()}/`, { policy, resolve });
    expect(await to('hooks.test')).toEqual({ kind: 'accepted', status: 200 });
    expect(await to('other.test')).toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect(receiver.lines).toHaveLength(1);
  });

  it('name servers that say nothing end the try in time', async () => {
    names.knows('silent.test', 'silence');
    expect(await post('http://silent.test/', { policy: STRICT, resolve, timeoutMs: 1000 })).toMatchObject({
      code: 'TIMED_OUT',
    });
    // The try has ended in time, also where a busy machine had no time for the question yet.
    await until('it was asked for', () => names.asked.includes('silent.test'));
  });

  it('a name that does not exist is told of', async () => {
    expect(await post('http://nobody.test/', { policy: STRICT, resolve })).toMatchObject({
      code: 'NAME_NOT_RESOLVED',
    });
  });

  it('a certificate that nobody vouches for is not taken', async () => {
    let requests = 0;
    const server = createTlsServer(selfSigned('localhost'), (_request, response) => {
      requests += 1;
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // The control: the server serves whoever does not ask who it is.
    const careless = request(origin, { rejectUnauthorized: false, agent: false }).end();
    const [answer] = (await once(careless, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    answer.resume();
    expect(await post(origin)).toMatchObject({ code: 'UNREACHABLE' });
    expect(requests).toBe(1);
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it.each([
    ['seconds', () => '120', 120_000, 120_000],
    ['a date', () => new Date(Date.now() + 3_600_000).toUTCString(), 3_500_000, 3_600_000],
    ['a date that is past', () => 'Thu, 01 Jan 1970 00:00:00 GMT', 0, 0],
    ['nonsense', () => 'soon', null, null],
  ])('Retry-After is understood as %s', async (_title, header, least, most) => {
    receiver.next(({ response }) => void response.writeHead(503, { 'retry-after': header() }).end());
    const posted = await post(receiver.origin);
    const asked = posted.kind === 'failed' ? posted.retryAfterMs : Number.NaN;
    if (least === null) expect(asked).toBeNull();
    else {
      expect(asked).toBeGreaterThanOrEqual(least);
      expect(asked).toBeLessThanOrEqual(most ?? 0);
    }
  });

  it('proxies of the environment are not used', async () => {
    const proxy = await LocalEndpoint.start();
    const before = process.env['HTTP_PROXY'];
    process.env['HTTP_PROXY'] = proxy.origin;
    process.env['http_proxy'] = proxy.origin;
    try {
      receiver.next(({ response }) => void response.writeHead(200).end());
      expect(await post(receiver.origin)).toEqual({ kind: 'accepted', status: 200 });
      expect(proxy.lines).toEqual([]);
    } finally {
      delete process.env['http_proxy'];
      if (before === undefined) delete process.env['HTTP_PROXY'];
      else process.env['HTTP_PROXY'] = before;
      await proxy.close();
    }
  });
});
