import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from '../nats-server/find.js';
import { settlesWithin } from '../service-process.js';
import { startNats, type NatsServer } from './start-nats.js';

const FULL = { name: 'beacon', password: 'full-password' };
const LIMITED = {
  name: 'limited',
  password: 'limited-password',
  permissions: { publish: ['allowed.>'], subscribe: ['_INBOX.>'] },
};

async function withConnection<T>(url: string, use: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const { username, password, host } = new URL(url);
  const connection = await connect({ servers: host, user: username, pass: password });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

describe('nats-server as a child', () => {
  let home: string;
  let binary: string;
  const servers: NatsServer[] = [];
  const start = async (options: Partial<Parameters<typeof startNats>[0]> = {}): Promise<NatsServer> => {
    const server = await startNats({
      binary,
      dataDir: join(home, 'nats'),
      users: [FULL, LIMITED],
      ...options,
    });
    servers.push(server);
    return server;
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon nats-'));
    binary = (await findNatsServer({ environment: process.env, cacheDirs: ['.beacon/tools'] })).path;
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('keeps its streams over a kill, on the same port', async () => {
    const first = await start();
    await withConnection(first.url, async (connection) => {
      await (await jetstreamManager(connection)).streams.add({ name: 'KEPT', subjects: ['kept'] });
      await jetstream(connection).publish('kept', 'one');
    });
    first.kill('SIGKILL');
    await first.exited;
    const second = await start({ port: first.port });
    const messages = await withConnection(second.url, async (connection) => {
      return (await (await jetstreamManager(connection)).streams.info('KEPT')).state.messages;
    });
    expect(messages).toBe(1);
  });

  it('refuses strangers and holds users to their subjects', async () => {
    const server = await start();
    expect((await stat(join(home, 'nats', 'nats-server.conf'))).mode & 0o777).toBe(0o600);
    await expect(connect({ servers: `127.0.0.1:${server.port}`, reconnect: false })).rejects.toThrow(
      /authori/i,
    );
    await withConnection(server.urlFor(LIMITED), async (connection) => {
      connection.publish('allowed.one', 'x');
      await connection.flush();
      const refused = new Promise<string>((resolve) => {
        void (async () => {
          for await (const status of connection.status())
            if (status.type === 'error') resolve(String(status.error));
        })();
      });
      connection.publish('forbidden', 'x');
      expect(await refused).toMatch(/permissions violation.*forbidden/i);
    });
  });

  it('stops a server that a killed owner left behind, then starts', async () => {
    const orphan = await startNats({ binary, dataDir: join(home, 'nats') });
    const server = await start();
    expect(await settlesWithin(orphan.exited, 1000)).toBe(true);
    await withConnection(server.url, (connection) => connection.flush());
  });

  // Node's own way of making folders never ends there.
  it('fails where its folder cannot be made', async () => {
    await expect(startNats({ binary, dataDir: '/proc/x' })).rejects.toMatchObject({
      code: expect.stringMatching(/^E[A-Z]+$/),
    });
  });

  it('says what is wrong when its port is taken', async () => {
    const server = await start();
    const other = startNats({ binary, dataDir: join(home, 'other'), port: server.port });
    await expect(other).rejects.toThrow(/did not start/);
  });
});
