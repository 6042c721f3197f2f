import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LocalEndpoint } from '#testing';
import type { Resolve } from './checked-lookup.js';
import { postWebhook, type WebhookPosted } from './post-webhook.js';

let receiver: LocalEndpoint;
beforeEach(async () => {
  receiver = await LocalEndpoint.start();
});
afterEach(() => receiver.close());

const port = (): string => new URL(receiver.origin).port;

function post(
  url: string,
  more: { resolve?: Resolve; allowPrivateAddresses?: boolean; timeoutMs?: number } = {},
): Promise<WebhookPosted> {
  return postWebhook({
    url,
    body: '{"a":1}',
    headers: { 'webhook-id': 'm1' },
    allowPrivateAddresses: true,
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
    expect(await post(receiver.origin)).toEqual({ kind: 'failed', code, status });
    // No redirect is followed.
    expect(receiver.lines).toEqual(['POST /']);
  });

  it('gives up on a receiver that does not answer', async () => {
    receiver.next(() => undefined);
    expect(await post(receiver.origin, { timeoutMs: 100 })).toEqual({
      ...{ kind: 'failed', code: 'TIMED_OUT', status: null },
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
  const refused = { kind: 'failed', code: 'ADDRESS_REFUSED', status: null };

  it('a literal one is not connected to', async () => {
    expect(await post(receiver.origin, { allowPrivateAddresses: false })).toEqual(refused);
    expect(receiver.lines).toEqual([]);
  });

  it.each([[['127.0.0.1']], [['93.184.215.14', '127.0.0.1']], [['::1']], [['::ffff:127.0.0.1']]])(
    'a name that leads to one is not connected to: %j',
    async (addresses) => {
      const { resolve } = answering(addresses);
      const url = `http://receiver.test:${port()}/`;
      expect(await post(url, { resolve, allowPrivateAddresses: false })).toEqual(refused);
      expect(receiver.lines).toEqual([]);
    },
  );

  it('each try asks for the name anew, and checks anew', async () => {
    const names = answering([], ['127.0.0.1']);
    const url = `http://rebinding.test:${port()}/`;
    const options = { resolve: names.resolve, allowPrivateAddresses: false };
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
