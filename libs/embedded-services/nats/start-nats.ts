import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { ProcessIdentity } from '#machine-tools';
import { lastLines, openLog } from '../log-file.js';
import { makeFolder } from '../make-folder.js';
import { onFreePort } from '../on-free-port.js';
import { stopLeftover } from '../process-identity.js';
import { ServiceStartError } from '../service-error.js';
import { superviseChild, waitUntilReady, type ServiceProcess, type StopStep } from '../service-process.js';
import { renderNatsConfig, type NatsUser } from './config-file.js';

export interface NatsOptions {
  /** Path of a nats-server, e.g. from `findNatsServer`. */
  readonly binary: string;
  /** Holds the configuration, the JetStream store and the log. Made where it does not exist. */
  readonly dataDir: string;
  /** On 127.0.0.1. Left out: a free one. */
  readonly port?: number;
  /** None: no authentication. */
  readonly users?: readonly NatsUser[];
  readonly maxStoreBytes?: number;
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface NatsServer extends ServiceProcess {
  /** With the first user's credentials, where there are users: never log it. */
  readonly url: string;
  readonly port: number;
  readonly logFile: string;
  /** The same server for another user. */
  urlFor(user: Pick<NatsUser, 'name' | 'password'>): string;
}

/** An upper bound for what the streams may reserve together; the streams have their own, smaller ones. */
const DEFAULT_MAX_STORE_BYTES = 64 * 1024 ** 3;
const DEFAULT_START_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 1000;
const STOP_STEPS: readonly StopStep[] = [{ signal: 'SIGTERM', waitMs: 10_000 }];

/**
 * Starts a nats-server with JetStream on `dataDir`, stopping first one that a killed supervisor left behind there.
 * Call it again with the same folder and port to start it again after it died.
 * The server is in a process group of its own, so that Ctrl-C in a terminal leaves its end to its owner.
 * @throws ServiceStartError
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  await makeFolder(options.dataDir);
  const dataDir = await realpath(options.dataDir);
  await clearLeftover(dataDir);
  return onFreePort(options.port, (port) => startOnPort(options, dataDir, port));
}

async function startOnPort(options: NatsOptions, dataDir: string, port: number): Promise<NatsServer> {
  options.signal?.throwIfAborted();
  const users = options.users ?? [];
  const configFile = configPath(dataDir);
  const serverName = `beacon-${randomBytes(6).toString('hex')}`;
  const config = renderNatsConfig({
    serverName,
    port,
    storeDir: join(dataDir, 'jetstream'),
    pidFile: pidPath(dataDir),
    maxStoreBytes: options.maxStoreBytes ?? DEFAULT_MAX_STORE_BYTES,
    users,
  });
  // Through a new file: the mode of an existing one would stay as it was, and it holds passwords.
  await writeFile(`${configFile}.new`, config, { mode: 0o600 });
  await rename(`${configFile}.new`, configFile);

  const logFile = join(dataDir, 'nats-server.log');
  const log = await openLog(logFile);
  let server: ServiceProcess;
  let logStart: number;
  try {
    logStart = (await log.stat()).size;
    const child = spawn(options.binary, ['--config', configFile], {
      cwd: dataDir,
      detached: true,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', log.fd, log.fd],
    });
    server = await superviseChild(child, STOP_STEPS);
  } catch (cause) {
    throw new ServiceStartError('nats', 'nats-server could not be executed', { cause });
  } finally {
    await log.close();
  }
  try {
    // JetStream has recovered its streams before the client port opens.
    const isReady = (): Promise<boolean> => greets(port, serverName);
    await waitUntilReady(server, isReady, options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS, options.signal);
  } catch (error) {
    await server.stop();
    if (options.signal?.aborted === true) throw error;
    const said = (await lastLines(logFile, logStart, 2))
      .map((line) => line.replace(/^\[.*?\] /, ''))
      .join(' | ');
    throw new ServiceStartError(
      'nats',
      `nats-server did not start: ${said || String(error)} (log: ${logFile})`,
      {
        cause: error,
      },
    );
  }
  const urlFor = ({ name, password }: Pick<NatsUser, 'name' | 'password'>): string =>
    `nats://${name}:${password}@127.0.0.1:${port}`;
  const [first] = users;
  const url = first === undefined ? `nats://127.0.0.1:${port}` : urlFor(first);
  return { ...server, url, port, logFile, urlFor };
}

/**
 * A NATS server speaks first, one line: INFO and a JSON object. Its name is compared because the port may belong to
 * another server, and ours be about to end for that.
 */
function greets(port: number, serverName: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    let heard = '';
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (heard.includes('\n'))
        settle(heard.startsWith('INFO ') && heard.includes(JSON.stringify(serverName)));
    });
  });
}

async function clearLeftover(dataDir: string): Promise<void> {
  const text = await readFile(pidPath(dataDir), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const isOurs = ({ commandLine }: ProcessIdentity): boolean => commandLine.includes(configPath(dataDir));
  await stopLeftover(Number(text.trim()), isOurs, STOP_STEPS);
  await rm(pidPath(dataDir), { force: true });
}

function configPath(dataDir: string): string {
  return join(dataDir, 'nats-server.conf');
}

function pidPath(dataDir: string): string {
  return join(dataDir, 'nats-server.pid');
}
