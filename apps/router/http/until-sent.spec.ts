import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { isThere, untilSent } from './until-sent.js';

describe('an answer', () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  /** A client whose request has come in, and the answer that it waits for. */
  const waiting = async (): Promise<{ readonly client: Socket; readonly raw: ServerResponse }> => {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.resume();
    client.write('GET / HTTP/1.1\r\nhost: beacon\r\n\r\n');
    const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse];
    return { client, raw };
  };

  it('is sent where its client waits for it', async () => {
    const { client, raw } = await waiting();
    let left = 0;
    const sent = untilSent({ raw }, () => (left += 1));
    expect(await isThere({ raw })).toBe(true);
    raw.end('answer');
    expect(await sent).toBe(true);
    expect(left).toBe(0);
    client.destroy();
  });

  it('is not where its client hung up in the very turn that it was ready', async () => {
    // Where the machine is slow, word of one comes a turn later.
    const found: boolean[] = [];
    while (found.length < 5) {
      const { client, raw } = await waiting();
      client.destroy();
      found.push(await isThere({ raw }));
    }
    expect(found).toContain(false);
    // The control: it seems to have been sent where nobody looks.
    const again = await waiting();
    again.client.destroy();
    const sent = untilSent({ raw: again.raw });
    again.raw.end('answer');
    expect(await sent).toBe(true);
  });

  it('waits for its turn on its connection, and its client waits for it or has gone', async () => {
    const { client, raw } = await waiting();
    client.write('GET / HTTP/1.1\r\nhost: beacon\r\n\r\n');
    const [, second] = (await once(server, 'request')) as [unknown, ServerResponse];
    expect(await isThere({ raw: second })).toBe(true);
    let left = 0;
    const sent = [raw, second].map((one) => untilSent({ raw: one }, () => (left += 1)));
    client.destroy();
    expect(await Promise.all(sent)).toEqual([false, false]);
    expect(left).toBe(2);
  });

  it('is known not to be wanted where its client has long gone', async () => {
    const { client, raw } = await waiting();
    client.destroy();
    await once(raw, 'close');
    let left = 0;
    expect(await untilSent({ raw }, () => (left += 1))).toBe(false);
    expect(left).toBe(1);
    expect(await isThere({ raw })).toBe(false);
  });
});
