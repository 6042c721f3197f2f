import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '#embedded-services';
import { takeLock, type Lock } from '#machine-tools';
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

/**
 * Makes the folder where it is missing, and takes its lock.
 * @throws CommandError where another Beacon uses it, or it cannot be written
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const { absolute, runPath, lock } = await makeAndLock(path).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const message = `the data folder cannot be written (${reason}): choose another with BEACON_DATA_DIR or --data-dir`;
    throw new CommandError(message, EXIT_DATA_FOLDER, { cause });
  });
  if (!lock.taken) throw inUse(lock.pid);
  return { path: absolute, runPath, release: () => lock.release() };
}

async function makeAndLock(path: string): Promise<{ absolute: string; runPath: string; lock: Lock }> {
  await makeFolder(path);
  const absolute = await realpath(path);
  const runPath = join(absolute, 'run');
  await makeFolder(runPath);
  await access(runPath, constants.W_OK);
  return { absolute, runPath, lock: await takeLock(join(runPath, 'supervisor.lock')) };
}

function inUse(pid: number | undefined): CommandError {
  const message = `another Beacon (process ${pid ?? 'unknown'}) runs on this data folder: stop it, or choose another with BEACON_DATA_DIR or --data-dir`;
  return new CommandError(message, EXIT_DATA_FOLDER);
}
