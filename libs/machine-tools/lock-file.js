import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess } from './process-identity.js';

const POLL_MS = 5;

export async function takeLock(path) {
  const held = await readLock(path);
  // Before anything is written: whoever waits asks often.
  if (held !== undefined && (await isAlive(held))) return heldBy(held);
  const identity = await identifyProcess(process.pid);
  const mine = JSON.stringify({ pid: process.pid, start_time: identity?.startTime ?? '' });
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, mine);
  try {
    for (;;) {
      // A link is made at once and whole, and only where there is none: nobody ever reads half a lock.
      if (await tryLink(draft, path)) return { taken: true, release: () => release(path, mine) };
      const found = await readLock(path);
      if (found === undefined) {
        await delay(POLL_MS);
        continue;
      }
      if (await isAlive(found)) return heldBy(found);
      await removeStale(path, found, draft);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

function heldBy(lock) {
  return { taken: false, pid: parseHolder(lock)?.pid };
}

async function release(path, mine) {
  if ((await readLock(path)) === mine) await rm(path, { force: true });
}

/**
 * Several may find the same stale lock; removed by each of them, it would take the first one's new lock with it. So
 * whoever removes holds a second lock, for a moment, and looks again.
 */
async function removeStale(path, stale, draft) {
  const removing = `${path}.removing`;
  if (await tryLink(draft, removing)) {
    try {
      if ((await readLock(path)) === stale) await rm(path, { force: true });
    } finally {
      await rm(removing, { force: true });
    }
    return;
  }
  const remover = await readLock(removing);
  if (remover !== undefined && !(await isAlive(remover))) await rm(removing, { force: true });
  await delay(POLL_MS);
}

async function tryLink(from, to) {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function readLock(path) {
  return readFile(path, 'utf8').catch((error) => {
    // Whatever else keeps it from being read does not pass.
    if (error.code !== 'ENOENT') throw error;
  });
}

async function isAlive(lock) {
  const holder = parseHolder(lock);
  return holder !== undefined && (await identifyProcess(holder.pid))?.startTime === holder.start_time;
}

function parseHolder(lock) {
  try {
    const { pid, start_time } = JSON.parse(lock);
    return typeof pid === 'number' && typeof start_time === 'string' ? { pid, start_time } : undefined;
  } catch {
    return undefined;
  }
}
