import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { identifyProcess } from '#machine-tools';
import { makeUnremovable } from '#testing';
import { settlesWithin } from '../service-process.js';
import { startPostgres, type PostgresServer } from './start-postgres.js';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('embedded Postgres', () => {
  // mkdtemp makes a folder that only its owner may enter: the hard case for a Postgres that must not be root.
  let home: string;
  let dataDir: string;
  const servers: PostgresServer[] = [];
  const start = async (
    options: Partial<Parameters<typeof startPostgres>[0]> = {},
  ): Promise<PostgresServer> => {
    const server = await startPostgres({ dataDir, ...options });
    servers.push(server);
    return server;
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon postgres-'));
    dataDir = join(home, 'postgres');
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('makes a durable UTF-8 database that asks for its password and listens on loopback only', async () => {
    const server = await start();
    const [settings] = await query(
      server.url,
      `SELECT current_database() AS database, current_setting('server_encoding') AS encoding,
        current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
        current_setting('listen_addresses') AS listen`,
    );
    expect(settings).toEqual({
      database: 'beacon',
      encoding: 'UTF8',
      fsync: 'on',
      commit: 'on',
      listen: '127.0.0.1',
    });
    const wrong = server.url.replace(/:[^:@]+@/, ':wrong@');
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow(/password/);
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  });

  it('keeps its data over a stop, and over a kill with the same port', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept (id int)');
    await first.stop();
    const second = await start();
    await query(second.url, 'INSERT INTO kept VALUES (7)');
    second.kill('SIGKILL');
    await second.exited;
    const third = await start({ port: second.port });
    expect(third.port).toBe(second.port);
    expect(await query(third.url, 'SELECT id FROM kept')).toEqual([{ id: 7 }]);
  });

  it('stops a server that a killed owner left behind, then starts', async () => {
    const orphan = await startPostgres({ dataDir });
    const server = await start();
    expect(await settlesWithin(orphan.exited, 1000)).toBe(true);
    expect(server.pid).not.toBe(orphan.pid);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('leaves a stranger alone whose pid stands in a stale pid file', async () => {
    await (await start()).stop();
    const stranger = spawn('sleep', ['300']);
    await writeFile(
      join(dataDir, 'cluster', 'postmaster.pid'),
      `${String(stranger.pid)}\n${dataDir}/cluster\n`,
    );
    const server = await start();
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await identifyProcess(stranger.pid!)).toBeDefined();
    stranger.kill();
  });

  it('leaves no half-made cluster when it is interrupted, and starts afterwards', async () => {
    const fresh = join(home, 'interrupted');
    const abort = new AbortController();
    const starting = startPostgres({ dataDir: fresh, signal: abort.signal });
    const interrupted = expect(starting).rejects.toThrow(/abort/i);
    while (!(await readdir(fresh).catch(() => [])).some((entry) => entry.startsWith('cluster.new-'))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    abort.abort();
    await interrupted;
    expect(await readdir(fresh)).toEqual(['password']);
    await mkdir(join(fresh, 'cluster.new-leftover'));
    const server = await startPostgres({ dataDir: fresh });
    expect(await readdir(fresh)).not.toContain('cluster.new-leftover');
    await server.stop();
  });

  it('starts beside what is left of an interrupted start and cannot be removed yet', async () => {
    const fresh = join(home, 'beside');
    await mkdir(fresh);
    const remove = await makeUnremovable(join(fresh, 'cluster.new-leftover'));
    try {
      await (await startPostgres({ dataDir: fresh })).stop();
    } finally {
      await remove();
    }
  });

  // Node's own way of making folders never ends there.
  it('fails where its folder cannot be made', async () => {
    await expect(startPostgres({ dataDir: '/proc/x' })).rejects.toMatchObject({
      code: expect.stringMatching(/^E[A-Z]+$/),
    });
  });

  it('says what is wrong when its port is taken', async () => {
    const server = await start();
    const other = startPostgres({ dataDir: join(home, 'other'), port: server.port });
    await expect(other).rejects.toThrow(/did not start.*Address already in use/);
    expect(await readFile(join(home, 'other', 'password'), 'utf8')).not.toBe('');
  });
});
