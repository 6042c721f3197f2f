import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyProcess } from '#embedded-services';
import { EXIT_DATA_FOLDER } from '../exit-codes.js';
import { openDataFolder } from './data-folder.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'beacon folder-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const lockOf = (folder: string): string => join(folder, 'run', 'supervisor.lock');

describe('the data folder', () => {
  it('belongs to one at a time, and to the next after its release', async () => {
    const path = join(home, 'deep', 'data');
    const folder = await openDataFolder(path);
    await expect(openDataFolder(path)).rejects.toMatchObject({
      exitCode: EXIT_DATA_FOLDER,
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await folder.release();
    await (await openDataFolder(path)).release();
    expect(await readdir(folder.runPath)).toEqual([]);
  });

  it('is taken over from a process that is gone, and from one whose pid was given to another', async () => {
    await mkdir(join(home, 'run'));
    for (const stale of [
      '{"pid":999999999,"start_time":"1"}',
      `{"pid":${process.pid},"start_time":"1"}`,
      'not JSON',
    ]) {
      await writeFile(lockOf(home), stale);
      await (await openDataFolder(home)).release();
    }
  });

  it('stays with a living process that holds it', async () => {
    await mkdir(join(home, 'run'));
    const holder = spawn('sleep', ['300']);
    const identity = await identifyProcess(holder.pid!);
    await writeFile(lockOf(home), JSON.stringify({ pid: holder.pid, start_time: identity?.startTime }));
    await expect(openDataFolder(home)).rejects.toMatchObject({ exitCode: EXIT_DATA_FOLDER });
    const gone = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill();
    await gone;
    await (await openDataFolder(home)).release();
  });

  it('goes to exactly one of many that find a stale lock', async () => {
    await mkdir(join(home, 'run'));
    await writeFile(lockOf(home), '{"pid":999999999,"start_time":"1"}');
    const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => openDataFolder(home)));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is refused where its lock cannot be read', async () => {
    await mkdir(lockOf(home), { recursive: true });
    await expect(openDataFolder(home)).rejects.toMatchObject({
      exitCode: EXIT_DATA_FOLDER,
      message: expect.stringContaining('cannot be written (EISDIR)'),
    });
  });

  it('is refused where it cannot be made, without its value in the message', async () => {
    await writeFile(join(home, 'file'), '');
    // The last two are in a file system that lets nobody make folders, and says that it is the folder that is missing.
    for (const path of [join(home, 'file', 'below'), '/dev/null/x', '/proc/x', '/proc/x/y']) {
      await expect(openDataFolder(path)).rejects.toMatchObject({
        exitCode: EXIT_DATA_FOLDER,
        message: expect.stringMatching(/^the data folder cannot be written \(E[A-Z]+\): .*BEACON_DATA_DIR/),
      });
    }
  });
});
