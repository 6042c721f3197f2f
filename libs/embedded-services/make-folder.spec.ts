import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from './make-folder.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'beacon-folder-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('making a folder', () => {
  it('makes what is missing around it, and leaves what is there', async () => {
    await makeFolder(join(home, 'a', 'b', 'c'));
    await writeFile(join(home, 'a', 'b', 'kept'), '');
    await makeFolder(`${home}/a/b/c/`);
    await makeFolder(join(home, 'a', 'b'));
    expect(await readdir(join(home, 'a', 'b'))).toEqual(['c', 'kept']);
    await makeFolder('/');
  });

  it('follows a link to a folder', async () => {
    await makeFolder(join(home, 'real'));
    await symlink(join(home, 'real'), join(home, 'link'));
    await makeFolder(join(home, 'link', 'below'));
    expect((await stat(join(home, 'real', 'below'))).isDirectory()).toBe(true);
  });

  it('may be asked for by many at once', async () => {
    // Who loses a race finds the folder around made between its two looks: about every fifth of these meets that.
    for (let nth = 0; nth < 200; nth += 1) {
      const path = join(home, String(nth), 'x', 'y', 'z');
      await Promise.all(Array.from({ length: 10 }, () => makeFolder(path)));
      expect((await stat(path)).isDirectory()).toBe(true);
    }
  });

  it('ends with an error where a file is in the way, or a link that leads nowhere', async () => {
    await writeFile(join(home, 'file'), '');
    await expect(makeFolder(join(home, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(makeFolder(join(home, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await symlink(join(home, 'nowhere'), join(home, 'link'));
    await expect(makeFolder(join(home, 'link'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(makeFolder(join(home, 'link', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  // Node's own way of making folders never ends there.
  it('ends where a folder refuses to hold another', async () => {
    for (const path of ['/proc/x', '/proc/x/y/z'])
      await expect(makeFolder(path)).rejects.toMatchObject({ code: expect.stringMatching(/^E[A-Z]+$/) });
  });
});
