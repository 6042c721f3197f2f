import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { startTestNats, type TestNats } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { connectNats, type NatsConnection } from './connection.js';
import { decodeJson, extendAck, publishJson } from './json.js';

const hintSchema = z.object({ n: z.int() });

describe('a published hint', () => {
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.close());

  const connect = (): Promise<NatsConnection> =>
    connectNats({
      url: nats.url,
      name: 'spec',
      onReconnect: () => undefined,
      onDisconnect: () => undefined,
    });

  it('reaches who has subscribed', async () => {
    const connection = await connect();
    const subscription = connection.subscribe('hints', { max: 1 });
    publishJson(connection, 'hints', { n: 7 });
    for await (const { data } of subscription) expect(decodeJson(hintSchema, data)).toEqual({ n: 7 });
    await connection.close();
  });

  it('may come at any moment of the end of its connection', async () => {
    const connection = await connect();
    const drained = connection.drain();
    // A connection that drains takes messages at first, then none; closed comes a round trip after that.
    let refusals = 0;
    while (!connection.isClosed()) {
      try {
        connection.publish('hints');
      } catch {
        refusals += 1;
      }
      expect(() => publishJson(connection, 'hints', { n: 7 })).not.toThrow();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await drained;
    expect(refusals).toBeGreaterThan(0);
    expect(() => publishJson(connection, 'hints', { n: 7 })).not.toThrow();
  });

  it('is a fault where it could never be published', async () => {
    const connection = await connect();
    expect(() => publishJson(connection, 'not a subject', { n: 7 })).toThrow('subject');
    await connection.close();
  });
});

describe('a message that is worked on', () => {
  it('is kept for its holder, and handed back where the connection has ended meanwhile', async () => {
    const nats = await startTestNats();
    const connection = await connectNats({
      url: nats.url,
      name: 'spec',
      onReconnect: () => undefined,
      onDisconnect: () => undefined,
    });
    let extended = 0;
    const message = {
      working: () => {
        connection.publish('ack');
        extended += 1;
      },
    };
    extendAck(message);
    await connection.drain();
    expect(() => connection.publish('ack')).toThrow('closed');
    extendAck(message);
    expect(extended).toBe(1);
    await nats.close();
  });
});

describe('a handler that throws', () => {
  it('is a fault of its process: it does not go on without hearing anything', async () => {
    const nats = await startTestNats();
    const dist = (lib: string): string =>
      JSON.stringify(new URL(`../../dist/libs/${lib}/index.js`, import.meta.url).href);
    const script = `
      import { connectNats, publishJson, subscribeJson } from ${dist('messaging')};
      import { createLogger, exitAtFault } from ${dist('observability')};
      import { z } from 'zod';
      exitAtFault(createLogger('spec', 'info'));
      const connection = await connectNats({
        url: ${JSON.stringify(nats.url)}, name: 'spec', onReconnect: () => undefined, onDisconnect: () => undefined,
      });
      subscribeJson(connection, 'hints', z.object({ n: z.int() }), () => { throw new Error('broken'); });
      publishJson(connection, 'hints', { n: 7 });
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [said, logged, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    expect({ code, said }).toEqual({ code: 70, said: '' });
    expect(JSON.parse(logged)).toMatchObject({ event: 'process.fault', err: { message: 'broken' } });
    await nats.close();
  });
});
