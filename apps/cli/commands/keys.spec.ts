import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isKey, readKeysFile } from '#api-keys';
import { main } from '../main.js';

describe('beacon keys', () => {
  let folder: string;
  let file: string;
  let server: Server;
  let url: string;
  const asked: string[] = [];
  const written: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon-keys-'));
    file = join(folder, 'keys.json');
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`);
      response.writeHead(403, { 'content-type': 'application/problem+json' });
      const problem = { type: 'urn:x', title: 't', status: 403, detail: 'needs "admin"', code: 'FORBIDDEN' };
      response.end(JSON.stringify(problem));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const keep = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    delete process.env['BEACON_API_KEY'];
    delete process.env['BEACON_API_KEYS_FILE'];
    server.close();
    await rm(folder, { recursive: true });
  });

  const run = async (...words: string[]): Promise<{ exitCode: number; output: string }> => {
    written.length = 0;
    return { exitCode: await main(['keys', ...words]), output: written.join('') };
  };
  const make = async (...words: string[]): Promise<Record<string, string>> => {
    const { exitCode, output } = await run('create', '--file', file, '--json', ...words);
    expect(exitCode).toBe(0);
    return JSON.parse(output) as Record<string, string>;
  };

  it('makes the first key, and a file that knows it by its hash', async () => {
    const { exitCode, output } = await run('create', '--file', file, '--name', 'root', '--role', 'admin');
    expect(exitCode).toBe(0);
    const [key = ''] = output.split('\n');
    const { pepper, keys } = await readKeysFile(file);
    expect(isKey(key, keys[0]?.hash, pepper)).toBe(true);
    expect(keys[0]).toMatchObject({ name: 'root', tenant: 'root', roles: ['admin'], expires_at: null });
    expect(await readFile(file, 'utf8')).not.toContain(key);
    expect(output).toMatch(/shown this once/);
  });

  it('takes roles, tenant, limits and a time', async () => {
    const made = await make(
      ...['--name', 'ci', '--role', 'submit', 'ledger', '--tenant', 'research'],
      ...['--limits', '{"queued_jobs":10}', '--expires-in-s', '3600'],
    );
    expect(made).toMatchObject({
      tenant: 'research',
      roles: ['submit', 'ledger'],
      limits: { queued_jobs: 10 },
    });
    expect(Date.parse(made['expires_at'] ?? '')).toBeGreaterThan(Date.now());
  });

  it('rotates and revokes, and lists what has ended as well', async () => {
    const old = await make('--name', 'svc', '--role', 'read');
    const rotated = await run('rotate', old['key_id'] ?? '', '--file', file, '--overlap-s', '60', '--json');
    const fresh = JSON.parse(rotated.output) as Record<string, string>;
    expect(fresh).toMatchObject({ replaces: old['key_id'], name: 'svc', roles: ['read'] });
    expect((await run('revoke', fresh['key_id'] ?? '', '--file', file)).exitCode).toBe(0);
    const { output } = await run('list', '--file', file);
    expect(output).toMatch(new RegExp(`${old['key_id'] ?? ''} .*until 20`));
    expect(output).toMatch(new RegExp(`${fresh['key_id'] ?? ''} .*revoked`));
    const again = await run('rotate', fresh['key_id'] ?? '', '--file', file);
    expect(again).toMatchObject({ exitCode: 65, output: expect.stringContaining('was revoked') });
  });

  it('takes the file of the environment, unless a router is named', async () => {
    process.env['BEACON_API_KEYS_FILE'] = file;
    process.env['BEACON_API_KEY'] = 'bk_from-environment';
    expect((await run('list')).output).toContain('root');
    const refused = await run('list', '--url', url);
    expect(refused.exitCode).toBe(77);
    expect(refused.output).toBe('beacon: refused (FORBIDDEN): needs "admin"\n');
    expect(asked).toEqual(['GET /keys Bearer bk_from-environment']);
  });

  it.each([
    [['create', '--name', 'x', '--role', 'root'], 64, /root/],
    [['create', '--name', 'x'], 64, /--role/],
    [['create', '--name', 'x y', '--role', 'read'], 64, /tenant/],
    [['create', '--name', 'x', '--role', 'read', '--limits', '{'], 64, /--limits is not JSON/],
    [['create', '--name', 'x', '--role', 'read', '--limits', '{"rate":1}'], 64, /rate/],
    [['create', '--name', 'x', '--role', 'read', '--expires-in-s', 'soon'], 64, /expires_in_s/],
    [['revoke', 'bk_zzzzzzzzzzzz'], 1, /has no key/],
  ])('refuses %j', async (words, exitCode, message) => {
    const refused = await run(...words, '--file', file);
    expect(refused).toEqual({ exitCode, output: expect.stringMatching(message) });
  });
});
