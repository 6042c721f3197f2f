import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeLock, type Lock } from './index.js';

const PROCESSES = 3;
const ROUNDS = 150;

/** Tries when a file appears, in step with others that look for it as hard; gives back when it is told to. */
const CONTENDER = `
import { existsSync } from 'node:fs';
import { takeLock } from '${new URL('index.js', import.meta.url).href}';
let lock;
process.on('message', async ([path, start]) => {
  if (start === undefined) await lock.release();
  else {
    process.send('looking');
    while (!existsSync(start));
    lock = await takeLock(path);
  }
  process.send(start === undefined ? 'released' : lock.taken);
});
process.send('ready');
`;

describe('a lock', () => {
  let home: string;
  let path: string;
  let contenders: ChildProcess[];
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon lock-'));
    path = join(home, 'lock');
    contenders = [];
  });
  afterEach(async () => {
    for (const contender of contenders) contender.kill('SIGKILL');
    await rm(home, { recursive: true });
  });

  const taken = (lock: Lock): Extract<Lock, { taken: true }> => {
    if (!lock.taken) throw new Error(`process ${lock.pid} has it`);
    return lock;
  };
  const heard = async (contender: ChildProcess): Promise<unknown> =>
    ((await once(contender, 'message')) as unknown[])[0];

  async function aContender(): Promise<ChildProcess> {
    const contender = spawn(process.execPath, ['--input-type=module', '--eval', CONTENDER], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    contenders.push(contender);
    expect(await heard(contender)).toBe('ready');
    return contender;
  }

  it('is one process’s at a time, and says whose', async () => {
    const lock = taken(await takeLock(path));
    expect(await takeLock(path)).toEqual({ taken: false, pid: process.pid });
    await lock.release();
    expect(await readdir(home)).toEqual([]);
    await taken(await takeLock(path)).release();
  });

  it('leaves alone, when it is given back, what is another’s by then', async () => {
    const lock = taken(await takeLock(path));
    await writeFile(path, 'another');
    await lock.release();
    expect(await readFile(path, 'utf8')).toBe('another');
  });

  it('of a process that is gone, or whose id another has by now, is taken over', async () => {
    for (const stale of [
      '',
      '0',
      '{"pid":99999999,"start_time":"1"}',
      JSON.stringify({ pid: process.pid, start_time: '1' }),
    ]) {
      await writeFile(path, stale);
      await taken(await takeLock(path)).release();
    }
  });

  it('that cannot be read is an error, which does not pass by waiting', async () => {
    await mkdir(path);
    await expect(takeLock(path)).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(home)).toEqual(['lock']);
  });

  it('of a process that is gone is taken over by one, of as many as find it at once', async () => {
    await Promise.all(Array.from({ length: PROCESSES }, aContender));
    for (let round = 1; round <= ROUNDS; round += 1) {
      await writeFile(path, '{"pid":99999999,"start_time":"1"}');
      const start = join(home, `start-${round}`);
      const looking = contenders.map(heard);
      for (const contender of contenders) contender.send([path, start]);
      await Promise.all(looking);
      const answers = contenders.map(heard);
      await writeFile(start, '');
      const won = await Promise.all(answers);
      expect(won.filter((has) => has === true)).toHaveLength(1);
      const winner = contenders[won.indexOf(true)]!;
      winner.send([path]);
      expect(await heard(winner)).toBe('released');
    }
    expect((await readdir(home)).filter((name) => !name.startsWith('start-'))).toEqual([]);
  });
});
