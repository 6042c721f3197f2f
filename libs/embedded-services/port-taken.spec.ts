import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, isPortFree } from './free-port.js';
import { findNatsServer } from './nats-server/find.js';

let taker: Server;
/** The port that is chosen first, which is taken by then. */
let chosen: number | undefined;

// The moments that cannot be met otherwise: a port is taken as soon as it is chosen, and free when somebody looks.
jest.unstable_mockModule('./free-port.js', () => ({
  findFreePort: async () => {
    const port = chosen ?? (await findFreePort());
    chosen = undefined;
    return port;
  },
  isPortFree: async (port: number, host?: string) => {
    await new Promise((done) => taker.close(done));
    return isPortFree(port, host);
  },
}));
const { startNats } = await import('./nats/start-nats.js');
const { startPostgres } = await import('./postgres/start-postgres.js');

describe('a server whose port is taken by somebody who is gone when it is looked at', () => {
  let home: string;
  let taken: number;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon taken-'));
    taker = createServer().listen(0, '127.0.0.1');
    await once(taker, 'listening');
    taken = (taker.address() as AddressInfo).port;
    chosen = taken;
  });
  afterEach(async () => {
    taker.close();
    await rm(home, { recursive: true, force: true });
  });

  it('is started on another: Postgres', async () => {
    const server = await startPostgres({ dataDir: home });
    expect(server.port).not.toBe(taken);
    await server.stop();
  });

  it('is started on another: nats-server', async () => {
    const { path } = await findNatsServer({ environment: process.env, cacheDirs: ['.beacon/tools'] });
    const server = await startNats({ binary: path, dataDir: home });
    expect(server.port).not.toBe(taken);
    await server.stop();
  });
});
