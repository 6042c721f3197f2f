import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PromtoolNotFoundError, findPromtool, type WayToFetch } from './find.js';

let home: string;
let path: string;
let cache: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'beacon promtool-'));
  path = join(home, 'path');
  cache = join(home, 'tools');
  await mkdir(path);
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A program that answers `--version` as promtool does. */
async function aPromtool(file: string, version = '2.42.0'): Promise<string> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho "promtool, version ${version} (branch: debian)"\n`);
  await chmod(file, 0o755);
  return file;
}

const find = (options: Partial<Parameters<typeof findPromtool>[0]> = {}) =>
  findPromtool({ environment: { PATH: path }, cacheDir: cache, ways: [], ...options });
const fetches = (version?: string): WayToFetch => ({
  source: 'distribution package',
  fetch: ({ folder }) => aPromtool(join(folder, 'promtool'), version),
});
const fails: WayToFetch = { source: 'Go', fetch: () => Promise.reject(new Error('Go is not on PATH')) };

describe('where a promtool is looked for', () => {
  it('prefers PROMTOOL_BIN to PATH, and PATH to the cache', async () => {
    const given = await aPromtool(join(home, 'given', 'my-promtool'));
    const onPath = await aPromtool(join(path, 'promtool'));
    const cached = await aPromtool(join(cache, 'promtool'));
    const environment = { PATH: path, PROMTOOL_BIN: given };
    expect(await find({ environment })).toEqual({ path: given, source: 'PROMTOOL_BIN' });
    expect(await find()).toEqual({ path: onPath, source: 'PATH' });
    await rm(onPath);
    expect(await find()).toEqual({ path: cached, source: 'cache' });
  });

  it('passes over one that is too old', async () => {
    await aPromtool(join(path, 'promtool'), '2.41.0');
    const cached = await aPromtool(join(cache, 'promtool'), '3.0.1');
    expect(await find()).toEqual({ path: cached, source: 'cache' });
  });

  it('keeps what it fetches, and finds it there the next time', async () => {
    const found = await find({ ways: [fails, fetches()] });
    expect(found).toEqual({ path: join(cache, 'promtool'), source: 'distribution package' });
    expect(await readdir(cache)).toEqual(['promtool']);
    expect(await find({ ways: [fails] })).toMatchObject({ source: 'cache' });
  });

  it('says what it tried and what to do where there is none', async () => {
    const search = find({ ways: [fails, fetches('2.1.0')] });
    await expect(search).rejects.toThrow(PromtoolNotFoundError);
    await expect(search).rejects.toThrow(/Go: Go is not on PATH; .*does not run.*apt-get install prometheus/);
  });

  it('uses no other where PROMTOOL_BIN is none', async () => {
    await aPromtool(join(path, 'promtool'));
    const environment = { PATH: path, PROMTOOL_BIN: join(home, 'nothing') };
    await expect(find({ environment })).rejects.toThrow('PROMTOOL_BIN is not a working promtool');
  });
});
