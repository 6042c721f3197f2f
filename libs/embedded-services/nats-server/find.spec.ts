import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FETCHES, findNatsServer, NatsServerBinError, NatsServerNotFoundError } from './find.js';
import { downloadServer, NATS_SERVER_VERSION, officialArchive } from './release.js';

let home: string;
let path: string;
let cache: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'beacon find-'));
  path = join(home, 'path');
  cache = join(home, 'tools');
  await mkdir(path);
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A program that answers `--version` as nats-server does. */
async function aServer(file: string, version = '2.10.29'): Promise<string> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(file, 0o755);
  return file;
}

const find = (options: Partial<Parameters<typeof findNatsServer>[0]> = {}) =>
  findNatsServer({ environment: { PATH: path }, cacheDirs: [cache], ways: [], ...options });

describe('where a nats-server is looked for', () => {
  it('prefers NATS_SERVER_BIN to PATH, and PATH to the cache', async () => {
    const given = await aServer(join(home, 'given', 'my-nats'));
    const onPath = await aServer(join(path, 'nats-server'));
    const cached = await aServer(join(cache, `nats-server-v${NATS_SERVER_VERSION}`));
    const environment = { PATH: path, NATS_SERVER_BIN: given };
    expect(await find({ environment })).toEqual({ path: given, source: 'NATS_SERVER_BIN' });
    expect(await find()).toEqual({ path: onPath, source: 'PATH' });
    await rm(onPath);
    expect(await find()).toEqual({ path: cached, source: 'cache' });
  });

  it('refuses a NATS_SERVER_BIN that does not work instead of taking another, and does not print it', async () => {
    await aServer(join(path, 'nats-server'));
    const environment = { PATH: path, NATS_SERVER_BIN: join(home, 'nothing-here') };
    const refusal = await find({ environment }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(NatsServerBinError);
    expect(String(refusal)).not.toContain('nothing-here');
  });

  it('passes over one that is too old, broken or not executable', async () => {
    await aServer(join(path, 'nats-server'), '2.9.9');
    const cached = await aServer(join(cache, `nats-server-v${NATS_SERVER_VERSION}`));
    expect(await find()).toEqual({ path: cached, source: 'cache' });
    await writeFile(join(path, 'nats-server'), '#!/bin/sh\nexit 1\n');
    expect(await find()).toEqual({ path: cached, source: 'cache' });
    await chmod(join(path, 'nats-server'), 0o644);
    expect(await find()).toEqual({ path: cached, source: 'cache' });
    await aServer(join(path, 'nats-server'), '2.9.10');
    expect((await find()).source).toBe('PATH');
  });

  it('tries the ways to fetch one in order and goes on after a failure', async () => {
    const tried: string[] = [];
    const fetched = await aServer(join(home, 'fetched'));
    const found = await find({
      ways: [
        {
          source: 'release archive',
          fetch: () => (tried.push('archive'), Promise.reject(new Error('closed network'))),
        },
        { source: 'go install', fetch: () => (tried.push('go'), Promise.resolve(fetched)) },
        { source: 'package manager', fetch: () => (tried.push('package'), Promise.resolve(fetched)) },
      ],
    });
    expect(found).toEqual({ path: fetched, source: 'go install' });
    expect(tried).toEqual(['archive', 'go']);
  });

  it('builds with Go into the cache and finds it there afterwards', async () => {
    const go = join(path, 'go');
    await writeFile(
      go,
      `#!/bin/sh\n/bin/printf '#!/bin/sh\\necho nats-server: v2.10.29 %s\\n' "$2" > "$GOBIN/nats-server"\n/bin/chmod 755 "$GOBIN/nats-server"\n`,
    );
    await chmod(go, 0o755);
    const reports: string[] = [];
    const ways = FETCHES.filter(({ source }) => source === 'go install');
    const found = await find({ ways, report: (line) => reports.push(line) });
    expect(found).toEqual({ path: join(cache, `nats-server-v${NATS_SERVER_VERSION}`), source: 'go install' });
    expect(reports).toEqual([expect.stringContaining('Go')]);
    expect(await readdir(cache)).toEqual([`nats-server-v${NATS_SERVER_VERSION}`]);
    expect(await find()).toEqual({ ...found, source: 'cache' });
  });

  it('takes what another process brought while none could be fetched', async () => {
    const brings = (file: string) => [
      {
        source: 'package manager' as const,
        fetch: async () => {
          await aServer(file);
          throw new Error('E: Unable to acquire the dpkg frontend lock');
        },
      },
    ];
    const cached = join(cache, `nats-server-v${NATS_SERVER_VERSION}`);
    expect(await find({ ways: brings(cached) })).toEqual({ path: cached, source: 'cache' });
    await rm(cached);
    const onPath = join(path, 'nats-server');
    expect(await find({ ways: brings(onPath) })).toEqual({ path: onPath, source: 'PATH' });
  });

  it('takes what is installed by the time that a package manager has failed', async () => {
    const tool = join(path, process.getuid?.() === 0 ? 'apt-get' : 'brew');
    const server = join(path, 'nats-server');
    await writeFile(
      tool,
      `#!/bin/sh
/bin/printf '#!/bin/sh\\necho nats-server: v2.10.29\\n' > "${server}"
/bin/chmod 755 "${server}"
echo "E: another instance is at work" >&2
exit 100
`,
    );
    await chmod(tool, 0o755);
    const ways = FETCHES.filter(({ source }) => source === 'package manager');
    expect(await find({ ways })).toEqual({ path: server, source: 'package manager' });
  });

  it('says in one line what to do when nothing works', async () => {
    const ways = [
      { source: 'go install' as const, fetch: () => Promise.reject(new Error('Go is not on PATH')) },
    ];
    const failure = await find({ ways }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NatsServerNotFoundError);
    expect(String(failure)).toMatch(
      /go install: Go is not on PATH.*apt-get install.*NATS_SERVER_BIN.*NATS_URL/,
    );
    expect(String(failure)).not.toContain('\n');
  });
});

describe('the official archive', () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  /** A tar archive with a folder, a text and the server, as the release has it. */
  function anArchive(content: string): Buffer {
    const entry = (name: string, body: string): Buffer => {
      const header = Buffer.alloc(512);
      header.write(name, 0);
      header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
      return Buffer.concat([header, Buffer.from(body), Buffer.alloc((512 - (body.length % 512)) % 512)]);
    };
    const entries = [
      entry('nats-server-v1/', ''),
      entry('nats-server-v1/LICENSE', 'text'),
      entry('nats-server-v1/nats-server', content),
    ];
    return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
  }

  async function serve(bytes: Buffer): Promise<string> {
    server = createServer((_request, response) => response.end(bytes));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tar.gz`;
  }

  it('is taken where its checksum matches, and the server is taken out of it', async () => {
    const bytes = anArchive('the program');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect((await downloadServer({ url: await serve(bytes), sha256 }, {})).toString()).toBe('the program');
  });

  it('is refused where one bit differs', async () => {
    const bytes = anArchive('the program');
    const sha256 = createHash('sha256').update(anArchive('another')).digest('hex');
    await expect(downloadServer({ url: await serve(bytes), sha256 }, {})).rejects.toThrow(/checksum/);
  });

  it('is offered only where a checksum is known', () => {
    expect(officialArchive('linux', 'x64')?.url).toMatch(/-linux-amd64\.tar\.gz$/);
    expect(officialArchive('sunos', 'x64')).toBeUndefined();
  });
});
