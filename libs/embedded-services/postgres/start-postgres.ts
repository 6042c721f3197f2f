import { spawn } from 'node:child_process';
import { readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess, type ProcessIdentity } from '#machine-tools';
import { lastLines, openLog } from '../log-file.js';
import { makeFolder } from '../make-folder.js';
import { onFreePort } from '../on-free-port.js';
import { stopLeftover } from '../process-identity.js';
import { ServiceStartError } from '../service-error.js';
import { superviseChild, waitUntilReady, type ServiceProcess, type StopStep } from '../service-process.js';
import { locatePostgres, type PostgresBinaries } from './binaries.js';
import { clusterFolder, openCluster, SUPERUSER, type Cluster } from './cluster.js';

export interface PostgresOptions {
  /** Holds the cluster, its password and its log. Made where it does not exist. */
  readonly dataDir: string;
  /** On 127.0.0.1. Left out: a free one. */
  readonly port?: number;
  /** Made with the cluster. */
  readonly database?: string;
  /** More server settings, e.g. `{ fsync: 'off' }` for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Longest wait for crash recovery and start. */
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface PostgresServer extends ServiceProcess {
  /** Superuser's connection string, password included: never log it. */
  readonly url: string;
  readonly port: number;
  readonly logFile: string;
}

const DEFAULT_DATABASE = 'beacon';
const DEFAULT_START_TIMEOUT_MS = 120_000;

/** SIGINT is Postgres' fast shutdown: sessions are cut, everything committed is on disk. SIGQUIT recovers later. */
const STOP_STEPS: readonly StopStep[] = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
];

/** Durability stays at Postgres' defaults (fsync, synchronous_commit on): an accepted job is one that survives. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  password_encryption: 'scram-sha-256',
  log_line_prefix: '%m [%p] ',
  log_checkpoints: 'off',
};

/**
 * Starts Postgres on `dataDir`, stopping first a server that a killed supervisor left behind on it. Call it again
 * with the same folder and port to start it again after it died.
 * The server is in a process group of its own, so that Ctrl-C in a terminal leaves its end to its owner.
 * @throws ServiceStartError
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = locatePostgres();
  await makeFolder(options.dataDir);
  const dataDir = await realpath(options.dataDir);
  const database = options.database ?? DEFAULT_DATABASE;
  await clearLeftover(clusterFolder(dataDir));
  const cluster = await openCluster(binaries, dataDir, database, options.signal);
  return onFreePort(options.port, (port) => startOnPort(binaries, cluster, dataDir, database, port, options));
}

async function startOnPort(
  binaries: PostgresBinaries,
  cluster: Cluster,
  dataDir: string,
  database: string,
  port: number,
  options: PostgresOptions,
): Promise<PostgresServer> {
  options.signal?.throwIfAborted();
  const logFile = join(dataDir, 'postgres.log');
  const log = await openLog(logFile);
  let server: ServiceProcess;
  let logStart: number;
  try {
    logStart = (await log.stat()).size;
    const settings = Object.entries({ ...SETTINGS, ...options.settings, port: String(port) });
    const [command = binaries.postgres, ...parameters] = [
      ...cluster.wayToRun.wrapper,
      ...[binaries.postgres, '-D', cluster.folder],
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    const child = spawn(command, parameters, {
      ...cluster.wayToRun.identity,
      cwd: '/',
      detached: true,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', log.fd, log.fd],
    });
    server = await superviseChild(child, STOP_STEPS);
  } finally {
    await log.close();
  }
  try {
    // It says so in its pid file, which is what pg_ctl waits for too.
    const isReady = async (): Promise<boolean> => {
      const pidFile = await readPidFile(cluster.folder);
      return pidFile?.pid === server.pid && pidFile.status === 'ready';
    };
    await waitUntilReady(server, isReady, options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS, options.signal);
  } catch (error) {
    await server.stop();
    if (options.signal?.aborted === true) throw error;
    const said = (await lastLines(logFile, logStart, 5))
      .map((line) => line.replace(/^.*?\] /, ''))
      .join(' | ');
    throw new ServiceStartError(
      'postgres',
      `Postgres did not start: ${said || String(error)} (log: ${logFile})`,
      {
        cause: error,
      },
    );
  }
  const url = `postgres://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/${database}`;
  return { ...server, url, port, logFile };
}

async function readPidFile(folder: string): Promise<{ pid: number; status: string } | undefined> {
  const text = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  return { pid: Number(lines[0]), status: (lines[7] ?? '').trim() };
}

/** Also removes a pid file whose number now belongs to somebody else, at which Postgres would refuse to start. */
async function clearLeftover(folder: string): Promise<void> {
  const pidFile = await readPidFile(folder);
  if (pidFile === undefined) return;
  const isOurs = ({ commandLine }: ProcessIdentity): boolean => commandLine.includes(folder);
  const stopped = await stopLeftover(pidFile.pid, isOurs, STOP_STEPS);
  const reused = !stopped && (await identifyProcess(pidFile.pid)) !== undefined;
  if (reused) await rm(join(folder, 'postmaster.pid'), { force: true });
}
