import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeUnremovable, until } from '#testing';

const BUILD = new URL('build.js', import.meta.url).href;
const PROCESSES = 3;
const ROUNDS = 5;

/** Says what becomes of each call that it is told to make, and calls again. */
const BUILDER = `
import { build, ensureBuilt } from '${BUILD}';
process.on('message', ([how, root]) =>
  ({ build, ensureBuilt })[how](root).then(() => process.send('built'), ({ message }) => process.send(message)));
process.send('ready');
`;

/** In place of nest, which builds beside what was built last, and fails where another build is under way. */
const NEST = `
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
mkdirSync('underway');
mkdirSync('dist.new/apps/cli', { recursive: true });
while (existsSync('hold')) await delay(10);
appendFileSync('dist.new/apps/cli/main.js', 'built');
appendFileSync('journal', 'nest\\n');
`;

/** In place of vite, which ends the build. */
const VITE = `
import { appendFileSync, existsSync, mkdirSync, rmdirSync } from 'node:fs';
rmdirSync('underway');
if (existsSync('broken')) process.exit(1);
mkdirSync(process.argv[process.argv.indexOf('--outDir') + 1]);
appendFileSync('journal', 'vite\\n');
`;

describe('the build of the commands', () => {
  let root: string;
  let builders: ChildProcess[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'beacon build-'));
    builders = [];
    for (const [path, text] of Object.entries({
      'package.json': '{ "type": "module" }',
      'node_modules/@nestjs/cli/bin/nest.js': NEST,
      'node_modules/vite/bin/vite.js': VITE,
      'apps/cli/main.ts': '',
      'libs/domain/index.ts': '',
      '.swcrc': '',
      'nest-cli.json': '',
      'tsconfig.json': '',
    })) {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), text);
    }
    // Packages are modules here whatever is around them.
    await writeFile(join(root, 'node_modules/@nestjs/cli/package.json'), '{ "type": "module" }');
    await writeFile(join(root, 'node_modules/vite/package.json'), '{ "type": "module" }');
    await mkdir(cache());
  });
  afterEach(async () => {
    for (const builder of builders) builder.kill('SIGKILL');
    await rm(root, { recursive: true });
  });

  const cache = (): string => join(root, 'node_modules', '.cache');
  const lock = (): string => join(cache(), 'beacon-build.lock');
  const journal = async (): Promise<string[]> =>
    (await readFile(join(root, 'journal'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

  async function aBuilder(): Promise<ChildProcess> {
    const builder = spawn(process.execPath, ['--input-type=module', '--eval', BUILDER], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    builders.push(builder);
    expect(await once(builder, 'message')).toContain('ready');
    return builder;
  }

  async function ask(builder: ChildProcess, how: 'build' | 'ensureBuilt'): Promise<unknown> {
    const answer = once(builder, 'message');
    builder.send([how, root]);
    return ((await answer) as unknown[])[0];
  }

  /** @returns the lock of a build that was ended with all that it had started, as by Ctrl-C */
  async function leftByKilled(): Promise<string> {
    const builder = await aBuilder();
    await writeFile(join(root, 'hold'), '');
    builder.send(['build', root]);
    await until('it builds', () => existsSync(join(root, 'underway')));
    builder.kill('SIGKILL');
    await once(builder, 'exit');
    await rm(join(root, 'hold'));
    await until('what it had started has ended', async () => (await journal()).includes('nest'));
    await rm(join(root, 'underway'), { recursive: true });
    await rm(join(root, 'journal'));
    return readFile(lock(), 'utf8');
  }

  it('is one at a time, also where many find the lock that a killed one left', async () => {
    const stale = await leftByKilled();
    const several = await Promise.all(Array.from({ length: PROCESSES }, aBuilder));
    for (let round = 1; round <= ROUNDS; round += 1) {
      await writeFile(join(root, 'apps/cli/main.ts'), 'x'.repeat(round));
      await writeFile(lock(), stale);
      const answers = await Promise.all(several.map((builder) => ask(builder, 'ensureBuilt')));
      expect(answers).toEqual(['built', 'built', 'built']);
    }
    expect(await journal()).toHaveLength(ROUNDS * 2);
    expect(await readdir(cache())).toEqual([]);
  });

  it('leaves the lock alone that is another process’s by the time it ends', async () => {
    const builder = await aBuilder();
    await writeFile(join(root, 'hold'), '');
    const built = ask(builder, 'build');
    await until('it builds', () => existsSync(join(root, 'underway')));
    await writeFile(lock(), 'another');
    await rm(join(root, 'hold'));
    expect(await built).toBe('built');
    expect(await readFile(lock(), 'utf8')).toBe('another');
  });

  it('is made once by commands that start at once, and not again until a source changes', async () => {
    const several = await Promise.all(Array.from({ length: PROCESSES }, aBuilder));
    const ensure = (): Promise<unknown[]> =>
      Promise.all(several.map((builder) => ask(builder, 'ensureBuilt')));
    expect(await ensure()).toEqual(['built', 'built', 'built']);
    expect(await journal()).toEqual(['nest', 'vite']);
    await ensure();
    expect(await journal()).toHaveLength(2);
    await writeFile(join(root, 'apps/cli/main.ts'), 'changed');
    await ensure();
    expect(await journal()).toHaveLength(4);
  });

  it('leaves what was built last where it is until all of the next is there, or where that fails', async () => {
    const main = join(root, 'dist', 'apps', 'cli', 'main.js');
    const [first, second] = [await aBuilder(), await aBuilder()];
    await mkdir(join(main, '..'), { recursive: true });
    await writeFile(main, 'last');
    await writeFile(join(root, 'hold'), '');
    await writeFile(join(root, 'broken'), '');
    const failing = ask(first, 'build');
    await until('it builds', () => existsSync(join(root, 'underway')));
    expect(await readFile(main, 'utf8')).toBe('last');
    await rm(join(root, 'hold'));
    expect(await failing).toBe('the build failed');
    expect(await readFile(main, 'utf8')).toBe('last');
    await rm(join(root, 'broken'));
    expect(await ask(second, 'build')).toBe('built');
    // Nothing of the one that failed is in it.
    expect(await readFile(main, 'utf8')).toBe('built');
    expect((await readdir(root)).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
    expect((await readdir(join(root, 'dist', 'apps'))).sort()).toEqual(['cli', 'portal']);
  });

  it('is copied to where the last one cannot be moved away, and what cannot be removed is no failure', async () => {
    const main = join(root, 'dist', 'apps', 'cli', 'main.js');
    await mkdir(join(main, '..'), { recursive: true });
    await writeFile(main, 'last');
    await writeFile(join(root, 'dist', 'of-the-last'), '');
    // A folder of a container's image, or one that is mounted, cannot be moved: here something stands where it would go.
    const removeLast = await makeUnremovable(join(root, 'dist.old'));
    try {
      const builder = await aBuilder();
      expect(await ask(builder, 'ensureBuilt')).toBe('built');
      expect(await readFile(main, 'utf8')).toBe('built');
      expect((await readdir(join(root, 'dist'))).sort()).toEqual(['.built-from', 'apps']);
      expect(await ask(builder, 'ensureBuilt')).toBe('built');
      expect(await journal()).toEqual(['nest', 'vite']);
    } finally {
      await removeLast();
    }
  });

  it('that was interrupted as it put itself in place has not taken the last one away', async () => {
    await mkdir(join(root, 'dist.old'));
    await writeFile(join(root, 'dist.old', 'kept'), '');
    await writeFile(join(root, 'broken'), '');
    expect(await ask(await aBuilder(), 'build')).toBe('the build failed');
    expect(await readdir(join(root, 'dist'))).toEqual(['kept']);
  });

  it('is made where word of the last one cannot be read', async () => {
    await mkdir(join(root, 'dist', '.built-from'), { recursive: true });
    expect(await ask(await aBuilder(), 'ensureBuilt')).toBe('built');
    expect(await journal()).toEqual(['nest', 'vite']);
  });
});
