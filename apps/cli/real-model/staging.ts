import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '#embedded-services';

const STAGING = /^\.part-(\d+)-/;
/** What a folder meets that is put where a full one is, or a file. */
const OCCUPIED = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'];

/**
 * Gives a fetch a folder of its own, beside where its result goes, and removes it however the fetch ends. Whatever a
 * killed process left of its own is removed as well. What cannot be removed, as something still writes to it, is left to
 * the next one.
 */
export async function withStaging<T>(home: string, fetch: (staging: string) => Promise<T>): Promise<T> {
  await makeFolder(home);
  for (const name of await readdir(home)) if (isAbandoned(name)) await tryRemove(join(home, name));
  const staging = await mkdtemp(join(home, `.part-${process.pid}-`));
  try {
    return await fetch(staging);
  } finally {
    await tryRemove(staging);
  }
}

/**
 * Puts a whole folder in its place in one step. What is there is left where it is as good, as that of another who fetched
 * at the same time: it may be in use already.
 * @param isGood whether what is in that place may stay
 * @param staging where what may not stay is put, to be removed with the rest
 */
export async function putInPlace(
  from: string,
  to: string,
  isGood: () => Promise<boolean>,
  staging: string,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!OCCUPIED.includes(code) || attempt >= 5) throw error;
    }
    if (await isGood()) return;
    await rename(to, join(staging, `replaced-${attempt}`)).catch(ignoreMissing);
  }
}

async function tryRemove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}

function isAbandoned(name: string): boolean {
  const pid = STAGING.exec(name)?.[1];
  return pid !== undefined && !isAlive(Number(pid));
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
