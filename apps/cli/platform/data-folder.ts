import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, makeFolder } from '#embedded-services';
import { CommandError } from '../command-error.js';
import { EXIT_DATA_FOLDER } from '../exit-codes.js';

/** A data folder that belongs to this process alone until it is released. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** What lives only as long as one start. */
  readonly runPath: string;
  release(): Promise<void>;
}

const POLL_MS = 5;

interface Holder {
  readonly pid: number;
  readonly start_time: string;
}

/**
 * Makes the folder where it is missing, and takes its lock.
 * @throws CommandError where another Beacon uses it, or it cannot be written
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  let absolute: string;
  let runPath: string;
  try {
    await makeFolder(path);
    absolute = await realpath(path);
    runPath = join(absolute, 'run');
    await makeFolder(runPath);
    await access(runPath, constants.W_OK);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const message = `the data folder cannot be written (${reason}): choose another with BEACON_DATA_DIR or --data-dir`;
    throw new CommandError(message, EXIT_DATA_FOLDER, { cause });
  }
  const lockPath = join(runPath, 'supervisor.lock');
  const mine = await takeLock(lockPath);
  const release = async (): Promise<void> => {
    if ((await readLock(lockPath)) === mine) await rm(lockPath, { force: true });
  };
  return { path: absolute, runPath, release };
}

/** @returns the lock's text, by which its owner knows it again */
async function takeLock(lockPath: string): Promise<string> {
  const identity = await identifyProcess(process.pid);
  const holder: Holder = { pid: process.pid, start_time: identity?.startTime ?? '' };
  const mine = JSON.stringify(holder);
  const draft = `${lockPath}.${randomUUID()}`;
  await writeFile(draft, mine);
  try {
    for (;;) {
      // A link is made at once and whole, and only where there is none: nobody ever reads half a lock.
      if (await tryLink(draft, lockPath)) return mine;
      const found = await readLock(lockPath);
      if (found === undefined) continue;
      if (await isAlive(found)) throw inUse(found);
      await removeStale(lockPath, found, draft);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Several may find the same stale lock; removed by each of them, it would take the first one's new lock with it. So
 * whoever removes holds a second lock, for a moment, and looks again.
 */
async function removeStale(lockPath: string, stale: string, draft: string): Promise<void> {
  const removing = `${lockPath}.removing`;
  if (await tryLink(draft, removing)) {
    try {
      if ((await readLock(lockPath)) === stale) await rm(lockPath, { force: true });
    } finally {
      await rm(removing, { force: true });
    }
    return;
  }
  const remover = await readLock(removing);
  if (remover !== undefined && !(await isAlive(remover))) await rm(removing, { force: true });
  await delay(POLL_MS);
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readLock(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function isAlive(lock: string): Promise<boolean> {
  const holder = parseHolder(lock);
  return holder !== undefined && (await identifyProcess(holder.pid))?.startTime === holder.start_time;
}

function inUse(lock: string): CommandError {
  const pid = parseHolder(lock)?.pid;
  const message = `another Beacon (process ${pid ?? 'unknown'}) runs on this data folder: stop it, or choose another with BEACON_DATA_DIR or --data-dir`;
  return new CommandError(message, EXIT_DATA_FOLDER);
}

function parseHolder(lock: string): Holder | undefined {
  try {
    const value = JSON.parse(lock) as Partial<Holder>;
    return typeof value.pid === 'number' && typeof value.start_time === 'string'
      ? { pid: value.pid, start_time: value.start_time }
      : undefined;
  } catch {
    return undefined;
  }
}
