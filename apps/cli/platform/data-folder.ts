import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '#embedded-services';
import { takeLock } from '#machine-tools';
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
  const lock = await takeLock(join(runPath, 'supervisor.lock'));
  if (!lock.taken) throw inUse(lock.pid);
  return { path: absolute, runPath, release: () => lock.release() };
}

function inUse(pid: number | undefined): CommandError {
  const message = `another Beacon (process ${pid ?? 'unknown'}) runs on this data folder: stop it, or choose another with BEACON_DATA_DIR or --data-dir`;
  return new CommandError(message, EXIT_DATA_FOLDER);
}
