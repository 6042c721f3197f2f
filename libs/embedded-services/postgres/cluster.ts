import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.js';
import { ServiceStartError } from '../service-error.js';
import type { PostgresBinaries } from './binaries.js';
import { findWayToRun, type WayToRun } from './privileges.js';

export const SUPERUSER = 'beacon';
const TEMPORARY_PREFIX = 'cluster.new-';
const OUTPUT_BYTES = 4096;

export interface Cluster {
  /** PGDATA. */
  readonly folder: string;
  readonly password: string;
  readonly wayToRun: WayToRun;
}

export function clusterFolder(dataDir: string): string {
  return join(dataDir, 'cluster');
}

/**
 * Opens the cluster under `dataDir`, making it first where there is none. It is made in a folder of its own and
 * renamed, with its database inside, so an interruption leaves either a whole cluster or none.
 * @param database created with the cluster
 */
export async function openCluster(
  binaries: PostgresBinaries,
  dataDir: string,
  database: string,
  signal?: AbortSignal,
): Promise<Cluster> {
  await makeFolder(dataDir);
  const folder = clusterFolder(dataDir);
  const passwordFile = join(dataDir, 'password');
  if (!existsSync(folder)) {
    for (const entry of await readdir(dataDir)) {
      if (entry.startsWith(TEMPORARY_PREFIX)) await tryRemove(join(dataDir, entry));
    }
    const password = randomBytes(24).toString('base64url');
    await writeFile(passwordFile, password, { mode: 0o600 });
    const temporary = await mkdtemp(join(dataDir, TEMPORARY_PREFIX));
    try {
      await createCluster(binaries, temporary, password, database, signal);
      await rename(temporary, folder);
    } catch (error) {
      await tryRemove(temporary);
      throw error;
    }
  }
  const wayToRun = await findWayToRun(binaries, folder);
  return { folder, password: await readFile(passwordFile, 'utf8'), wayToRun };
}

/** Where something still writes to it, it is left to the next start that makes a cluster: this one needs another name. */
async function tryRemove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

async function createCluster(
  binaries: PostgresBinaries,
  folder: string,
  password: string,
  database: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await chmod(folder, 0o700);
  const wayToRun = await findWayToRun(binaries, folder);
  // initdb takes the password from a file only, and the file must be its user's own.
  const passwordFile = `${folder}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    if (wayToRun.owner !== undefined) await chown(passwordFile, wayToRun.owner.uid, wayToRun.owner.gid);
    const locale = ['--encoding=UTF8', '--no-locale'];
    const access = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(
      wayToRun,
      binaries.initdb,
      [`--pgdata=${folder}`, ...locale, ...access, '--no-instructions'],
      '',
      signal,
    );
    await run(
      wayToRun,
      binaries.postgres,
      ['--single', '-D', folder, 'postgres'],
      `CREATE DATABASE ${database}\n`,
      signal,
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** @throws ServiceStartError with the last line of what the program said */
async function run(
  way: WayToRun,
  program: string,
  parameters: readonly string[],
  input: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [command = program, ...rest] = [...way.wrapper, program, ...parameters];
  await new Promise<void>((resolve, reject) => {
    const child = spawn(command, rest, {
      ...way.identity,
      ...(signal === undefined ? {} : { signal }),
      cwd: '/',
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-OUTPUT_BYTES)));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
      // It never began, and need not end.
      if (child.pid === undefined) reject(error);
    });
    // Where it is aborted, too: until it and its children are gone, they write to the folder that is then removed.
    child.once('close', (code) => {
      if (failure !== undefined) reject(failure);
      else if (code === 0) resolve();
      else
        reject(
          new ServiceStartError('postgres', `the Postgres data folder could not be made: ${lastLine(said)}`),
        );
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? 'no reason given';
}
