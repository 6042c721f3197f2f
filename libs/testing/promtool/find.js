import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findTool, isVersionFrom, keepTool, pathsOf, runApt, runTool, saysVersion } from '#machine-tools';

/** What Debian 12 has; every rule must load there. */
export const OLDEST_PROMTOOL = [2, 42, 0];
/** Prometheus 2.55.1, as Go modules count. */
const GO_PACKAGE = 'github.com/prometheus/prometheus/cmd/promtool';
const GO_VERSION = 'v0.55.1';

const PACKAGE_TIMEOUT_MS = 300_000;
const GO_INSTALL_TIMEOUT_MS = 900_000;

/** No promtool is here and none could be fetched; the message says what to do. */
export class PromtoolNotFoundError extends Error {
  constructor(message) {
    super(message);
    this.name = 'PromtoolNotFoundError';
  }
}

/**
 * Finds a promtool, or fetches one. Order: PROMTOOL_BIN, PATH, the cache folder, the distribution's package (taken apart,
 * not installed: its service is not wanted), a build with Go.
 * Types and meanings of the options are in find.d.ts.
 */
export async function findPromtool({ environment, cacheDir, report = () => {}, ways = FETCHES }) {
  const given = environment.PROMTOOL_BIN;
  if (given !== undefined && given !== '') {
    const path = resolve(given);
    if (!(await works(path)))
      throw new PromtoolNotFoundError(
        `PROMTOOL_BIN is not a working promtool (${OLDEST_PROMTOOL.join('.')} or later)`,
      );
    return { path, source: 'PROMTOOL_BIN' };
  }
  for (const path of pathsOf(environment, 'promtool')) if (await works(path)) return { path, source: 'PATH' };
  const cached = join(resolve(cacheDir), 'promtool');
  if (await works(cached)) return { path: cached, source: 'cache' };
  const failures = [];
  for (const { source, fetch } of ways) {
    const folder = await mkdtemp(join(tmpdir(), 'beacon-promtool-'));
    try {
      const fetched = await fetch({ environment, folder, report });
      if (!(await works(fetched))) throw new Error('what was fetched does not run');
      return { path: await keepTool(cached, (temporary) => copyFile(fetched, temporary)), source };
    } catch (error) {
      failures.push(`${source}: ${error.message}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new PromtoolNotFoundError(
    `promtool ${OLDEST_PROMTOOL.join('.')} or later is needed to test the alert rules, and could not be fetched ` +
      `(${failures.join('; ')}). Install Prometheus (apt-get install prometheus; brew install prometheus) so that ` +
      'promtool is on PATH, or set PROMTOOL_BIN to it',
  );
}

/** How to fetch one, in order. Each answers the path of an executable below `folder`, or throws an error that says why not. */
export const FETCHES = [
  { source: 'distribution package', fetch: takePackageApart },
  { source: 'Go', fetch: buildWithGo },
];

/** Needs no root, unless the machine's package lists were removed to save space. */
async function takePackageApart({ environment, folder, report }) {
  const apt = await findTool(environment, 'apt-get');
  const dpkg = await findTool(environment, 'dpkg');
  if (apt === undefined || dpkg === undefined) throw new Error('neither apt-get nor dpkg is on PATH');
  report('fetching promtool from the package "prometheus" of the distribution (once, 20 MB)');
  const options = { env: environment, cwd: folder, timeout: PACKAGE_TIMEOUT_MS };
  try {
    await runApt(apt, ['download', '-q', 'prometheus'], options);
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    await runApt(apt, ['update', '-q'], options);
    await runApt(apt, ['download', '-q', 'prometheus'], options);
  }
  const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get downloaded no package');
  await runTool(dpkg, ['-x', archive, 'unpacked'], options);
  return join(folder, 'unpacked', 'usr', 'bin', 'promtool');
}

async function buildWithGo({ environment, folder, report }) {
  const go = await findTool(environment, 'go');
  if (go === undefined) throw new Error('Go is not on PATH');
  report('building promtool with Go (once, some minutes)');
  const options = {
    env: { ...environment, GOFLAGS: '', CGO_ENABLED: '0' },
    cwd: folder,
    timeout: GO_INSTALL_TIMEOUT_MS,
  };
  // `go install PACKAGE@VERSION` refuses modules with replace directives, which this one has: built from a module of ours
  // they are left out.
  await runTool(go, ['mod', 'init', 'beacon-promtool'], options);
  await runTool(go, ['get', `${GO_PACKAGE}@${GO_VERSION}`], options);
  await runTool(go, ['build', '-o', 'promtool', GO_PACKAGE], options);
  return join(folder, 'promtool');
}

/** Executable, and of a version that is new enough. */
function works(path) {
  return saysVersion(path, (said) => {
    const version = /version (\d+)\.(\d+)\.(\d+)/.exec(said)?.slice(1).map(Number);
    // Built from a module it does not know its own version.
    if (version === undefined) return /^promtool, version/.test(said);
    return isVersionFrom(version, OLDEST_PROMTOOL);
  });
}
