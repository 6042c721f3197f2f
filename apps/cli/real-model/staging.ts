import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const STAGING = /^\.part-(\d+)-/;

/**
 * Gives a fetch a folder of its own, beside where its result goes, and removes it however the fetch ends. Whatever a
 * killed process left of its own is removed as well.
 */
export async function withStaging<T>(home: string, fetch: (staging: string) => Promise<T>): Promise<T> {
  await mkdir(home, { recursive: true });
  await removeAbandoned(home);
  const staging = await mkdtemp(join(home, `.part-${process.pid}-`));
  try {
    return await fetch(staging);
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Puts a whole folder or file in its place in one step. Two that fetch at once may both get here: whoever comes later
 * takes the other's away first, which is as good as its own.
 * @param staging where what was there before is put, to be removed with the rest
 */
export async function putInPlace(from: string, to: string, staging: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await rename(to, join(staging, `replaced-${attempt}`)).catch(ignoreMissing);
    try {
      await rename(from, to);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt >= 5) throw error;
    }
  }
}

async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = Number(STAGING.exec(name)?.[1] ?? NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    await rm(join(home, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
