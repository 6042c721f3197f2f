import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { takeLock } from '#machine-tools';

const SOURCE_FOLDERS = ['apps', 'libs'];
const BUILD_SETTINGS = ['.swcrc', 'nest-cli.json', 'tsconfig.json'];
const STAMP = '.built-from';
const POLL_MS = 50;
const LOCK_TIMEOUT_MS = 120_000;

/**
 * Builds `dist/` where it is missing or older than the sources. Everything the build says goes to stderr: stdout
 * belongs to the command. Two commands that start at once build once.
 * @param {string} root the project's folder
 * @throws Error where it cannot be built and nothing is there, where the build fails, or another one does not end
 */
export async function ensureBuilt(root) {
  const tools = toolsOf(root);
  const isFresh = () => {
    const sources = builtFrom(root);
    return sources !== undefined && sources === fingerprint(root);
  };
  if (isFresh()) return;
  const hasTools = tools.every(([program]) => existsSync(program));
  if (!hasTools || !isWritable(root)) {
    // Installed by somebody else, or without development packages: it runs what was built for it.
    if (existsSync(join(root, 'dist', 'apps', 'cli', 'main.js'))) return;
    const obstacle = hasTools
      ? 'this user cannot write here'
      : 'the build tools are missing: run "npm ci" first';
    throw new Error(`nothing is built, and ${obstacle}`);
  }
  const lock = await acquireLock(lockOf(root));
  try {
    if (isFresh()) return;
    process.stderr.write('beacon: building\n');
    await buildAll(root);
  } finally {
    await lock.release();
  }
}

/**
 * Builds `dist/`, whatever is there, and leaves word of what it was built from: the commands need not build it again.
 * @param {string} root the project's folder
 */
export async function build(root) {
  const lock = await acquireLock(lockOf(root));
  try {
    await buildAll(root);
  } finally {
    await lock.release();
  }
}

/** Beside what was built last, which other commands may be reading just then, and in its place when all of it is there. */
async function buildAll(root) {
  // Taken before the build: a source that changes meanwhile makes the next start build again.
  const sources = fingerprint(root);
  const [built, next, previous] = ['dist', 'dist.new', 'dist.old'].map((name) => join(root, name));
  // A build that was interrupted as it put itself in place has left what was there before.
  if (!existsSync(built) && existsSync(previous)) renameSync(previous, built);
  remove(next);
  for (const tool of toolsOf(root)) await run(root, tool);
  writeFileSync(join(next, STAMP), sources);
  tryRemove(previous);
  if (tryMoveAside(built, previous)) renameSync(next, built);
  else replaceContents(built, next);
  tryRemove(previous);
}

/**
 * @returns whether its place is free now; it is not where the folder came with a container's image (EXDEV), is mounted
 * (EBUSY), or something that cannot be removed is where it would go
 */
function tryMoveAside(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    // Nothing was built before.
    return error.code === 'ENOENT';
  }
}

/** The stamp goes first and comes last: a command that starts meanwhile does not take half of it for what was built. */
function replaceContents(folder, from) {
  remove(join(folder, STAMP));
  for (const name of readdirSync(folder)) remove(join(folder, name));
  cpSync(from, folder, { recursive: true, filter: (path) => path !== join(from, STAMP) });
  copyFileSync(join(from, STAMP), join(folder, STAMP));
  tryRemove(from);
}

function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** What another user has left there may stay: the build is whole without that. */
function tryRemove(folder) {
  try {
    remove(folder);
  } catch {
    // The next one tries again.
  }
}

/** @returns `undefined` where nothing is built, or another build is just putting it in its place */
function builtFrom(root) {
  try {
    return readFileSync(join(root, 'dist', STAMP), 'utf8');
  } catch {
    return undefined;
  }
}

function toolsOf(root) {
  const page = join(root, 'dist.new', 'apps', 'portal');
  return [
    // nest-cli.json says where to.
    [join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build', 'router'],
    [
      join(root, 'node_modules', 'vite', 'bin', 'vite.js'),
      ...['build', 'apps/portal', '--outDir', page, '--logLevel', 'warn'],
    ],
  ];
}

function lockOf(root) {
  return join(root, 'node_modules', '.cache', 'beacon-build.lock');
}

/** Changes with every source that is added, removed or written. */
function fingerprint(root) {
  const hash = createHash('sha256');
  const add = (path) => {
    const { mtimeMs, size } = statSync(path);
    // In whole milliseconds: a copy that keeps its times keeps no more of them, and need not be built again.
    hash.update(`${relative(root, path)} ${Math.round(mtimeMs)} ${size}\n`);
  };
  for (const folder of SOURCE_FOLDERS) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const isSource = /\.(tsx?|js|css|html|svg)$/.test(entry.name) && !/\.(spec|d)\.ts$/.test(entry.name);
      if (entry.isFile() && isSource) add(join(entry.parentPath, entry.name));
    }
  }
  for (const file of BUILD_SETTINGS) add(join(root, file));
  return hash.digest('hex');
}

function isWritable(root) {
  try {
    accessSync(root, constants.W_OK);
    accessSync(join(root, 'node_modules'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function run(root, args) {
  // Tests start commands, too; what those build is no page for development.
  const env = { ...process.env, NODE_ENV: 'production' };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error('the build failed'))));
  });
}

async function acquireLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const deadline = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const lock = await takeLock(path);
    if (lock.taken) return lock;
    if (performance.now() > deadline) {
      const limit = `${LOCK_TIMEOUT_MS / 1000} s`;
      throw new Error(`another build (process ${lock.pid}) has not ended in ${limit}: end it, or try again`);
    }
    await delay(POLL_MS);
  }
}
