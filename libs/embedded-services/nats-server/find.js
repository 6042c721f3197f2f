import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findTool, isVersionFrom, keepTool, pathsOf, runApt, runTool, saysVersion } from '#machine-tools';
import { downloadServer, NATS_SERVER_VERSION, officialArchive, OLDEST_NATS_SERVER } from './release.js';

const GO_INSTALL_TIMEOUT_MS = 600_000;
const PACKAGE_TIMEOUT_MS = 300_000;

const APT_INSTALL = ['install', '-y', '-q', '--no-install-recommends', 'nats-server'];

/** Commands are tried until one that installs succeeds. */
const PACKAGE_MANAGERS = [
  // A machine whose package lists were removed to save space needs them first.
  { tool: 'apt-get', run: runApt, asRoot: true, commands: [APT_INSTALL, ['update', '-q'], APT_INSTALL] },
  { tool: 'apk', run: runTool, asRoot: true, commands: [['add', '--no-cache', 'nats-server']] },
  { tool: 'brew', run: runTool, asRoot: false, commands: [['install', 'nats-server']] },
];

/** Where distributions put it; `/usr/sbin` is not on every user's PATH. */
const USUAL_FOLDERS = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin'];

/** No nats-server is here and none could be fetched; the message says what to do. */
export class NatsServerNotFoundError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'NatsServerNotFoundError';
  }
}

/** `NATS_SERVER_BIN` is set to something that is no usable nats-server. */
export class NatsServerBinError extends Error {
  constructor() {
    super(`NATS_SERVER_BIN is not a working nats-server (${OLDEST_NATS_SERVER.join('.')} or later)`);
    this.name = 'NatsServerBinError';
  }
}

/**
 * Finds a nats-server, or fetches one. Order: NATS_SERVER_BIN, PATH, the cache folders, the pinned official archive,
 * `go install`, the system's package manager where this user may use it.
 * Types and meanings of the options are in find.d.ts.
 */
export async function findNatsServer({ environment, cacheDirs, report = () => {}, signal, ways = FETCHES }) {
  const given = environment.NATS_SERVER_BIN;
  if (given !== undefined && given !== '') {
    const path = resolve(given);
    if (!(await works(path))) throw new NatsServerBinError();
    return { path, source: 'NATS_SERVER_BIN' };
  }
  const here = await look(environment, cacheDirs);
  if (here !== undefined) return here;
  const failures = [];
  for (const { source, fetch } of ways) {
    try {
      const path = await fetch({ environment, cacheDirs, report, signal });
      if (await works(path)) return { path, source };
      failures.push(`${source}: what was fetched does not run`);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(`${source}: ${reasonOf(error)}`);
    }
  }
  // Whatever kept all of them from it may have been another process that fetched one.
  const broughtByAnother = await look(environment, cacheDirs);
  if (broughtByAnother !== undefined) return broughtByAnother;
  throw new NatsServerNotFoundError(
    `nats-server ${OLDEST_NATS_SERVER.join('.')} or later is needed and could not be fetched (${failures.join('; ')}). ` +
      'Install it (apt-get install nats-server; brew install nats-server; or an archive from ' +
      'https://github.com/nats-io/nats-server/releases) so that it is on PATH, set NATS_SERVER_BIN to it, ' +
      'or set NATS_URL to use a server of yours',
  );
}

async function look(environment, cacheDirs) {
  const onPath = await firstWorking(pathsOf(environment, 'nats-server'));
  if (onPath !== undefined) return { path: onPath, source: 'PATH' };
  const cached = await firstWorking(cacheDirs.map(cachedCopy));
  return cached === undefined ? undefined : { path: cached, source: 'cache' };
}

/** How to fetch one, in order. Each answers the path of an executable or throws an error that says why not. */
export const FETCHES = [
  { source: 'release archive', fetch: fetchArchive },
  { source: 'go install', fetch: installWithGo },
  { source: 'package manager', fetch: installPackage },
];

async function fetchArchive({ environment, cacheDirs, signal }) {
  const archive = officialArchive(process.platform, process.arch);
  if (archive === undefined) throw new Error(`no checksum is known for ${process.platform}-${process.arch}`);
  const server = await downloadServer(archive, environment, signal);
  return keep(cacheDirs, (path) => writeFile(path, server));
}

async function installWithGo({ environment, cacheDirs, report, signal }) {
  const go = await findTool(environment, 'go');
  if (go === undefined) throw new Error('Go is not on PATH');
  report(`building nats-server ${NATS_SERVER_VERSION} with Go (once, about a minute)`);
  const folder = await mkdtemp(join(tmpdir(), 'beacon-go-'));
  try {
    await runTool(go, ['install', `github.com/nats-io/nats-server/v2@v${NATS_SERVER_VERSION}`], {
      env: { ...environment, GOBIN: folder, GOFLAGS: '', CGO_ENABLED: '0' },
      timeout: GO_INSTALL_TIMEOUT_MS,
      signal,
    });
    return await keep(cacheDirs, (path) => copyFile(join(folder, 'nats-server'), path));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function installPackage({ environment, report, signal }) {
  const isRoot = process.getuid?.() === 0;
  for (const { tool, run, asRoot, commands } of PACKAGE_MANAGERS) {
    const path = await findTool(environment, tool);
    if (path === undefined || asRoot !== isRoot) continue;
    report(`installing nats-server with ${tool}`);
    // The distribution's service is not wanted: ours runs as a child on a port of its own.
    const env = {
      ...environment,
      DEBIAN_FRONTEND: 'noninteractive',
      RUNLEVEL: '1',
      HOMEBREW_NO_AUTO_UPDATE: '1',
    };
    let failure;
    for (const parameters of commands) {
      try {
        await run(path, parameters, { env, timeout: PACKAGE_TIMEOUT_MS, signal });
        failure = undefined;
        if (parameters[0] !== 'update') break;
      } catch (error) {
        signal?.throwIfAborted();
        failure = error;
        // It has been waited for: the next command would wait as long again.
        if (error.isLocked) break;
      }
    }
    // Looked for after a failure, too: another process may have installed one meanwhile.
    const usual = USUAL_FOLDERS.map((folder) => join(folder, 'nats-server'));
    const installed = await firstWorking([...pathsOf(environment, 'nats-server'), ...usual]);
    if (installed === undefined) throw failure ?? new Error(`${tool} installed none that runs`);
    return installed;
  }
  throw new Error('none that this user may use');
}

/** In the first cache folder that takes it. */
async function keep(cacheDirs, writeTo) {
  let failure = new Error('there is no folder to keep it in');
  for (const folder of cacheDirs) {
    try {
      return await keepTool(cachedCopy(folder), writeTo);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function cachedCopy(folder) {
  return join(resolve(folder), `nats-server-v${NATS_SERVER_VERSION}`);
}

async function firstWorking(paths) {
  for (const path of paths) if (await works(path)) return path;
  return undefined;
}

/** Executable, and of a version that Beacon works with. */
function works(path) {
  return saysVersion(path, (said) => {
    const version = /v(\d+)\.(\d+)\.(\d+)/.exec(said)?.slice(1).map(Number);
    return version !== undefined && isVersionFrom(version, OLDEST_NATS_SERVER);
  });
}

function reasonOf(error) {
  const cause = error?.cause?.code ?? error?.cause?.message;
  return cause === undefined ? String(error?.message ?? error) : `${error.message} (${cause})`;
}
