// Programs of this machine: found, asked their version, run, kept; and its processes: identified, kept apart by locks. In
// JavaScript, because it serves before anything is built: after `npm ci`, for the build, and before the tests.
import { access, chmod, constants, mkdir, rename, rm, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { runTool } from './run-tool.js';

export { takeLock } from './lock-file.js';
export { identifyProcess } from './process-identity.js';
export { runApt, runTool } from './run-tool.js';

const VERSION_TIMEOUT_MS = 10_000;

export function pathsOf(environment, name) {
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name));
}

export async function findTool(environment, name) {
  for (const path of pathsOf(environment, name)) if (await isExecutable(path)) return path;
  return undefined;
}

async function isExecutable(path) {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

export async function saysVersion(path, isRight) {
  if (!(await isExecutable(path))) return false;
  try {
    return isRight(await runTool(path, ['--version'], { timeout: VERSION_TIMEOUT_MS }));
  } catch {
    return false;
  }
}

export function isVersionFrom(version, oldest) {
  const index = version.findIndex((part, position) => part !== oldest[position]);
  return index === -1 || version[index] > oldest[index];
}

export async function keepTool(path, writeTo) {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeTo(temporary);
    await chmod(temporary, 0o755);
    await rename(temporary, path);
    return path;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}
