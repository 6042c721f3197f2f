import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Beside whatever else this checkout has fetched. */
const KEPT = join(ROOT, '.beacon', 'tools', 'clients');
const UV = 'uv==0.13.9';
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python'];
const STAMP = 'beacon-stamp';
/** Changed with what is done below, so that what was made by another recipe is made again. */
const RECIPE = '1';
const OUTPUT_BYTES = 64 * 2 ** 20;
/** An index of packages is away for a moment now and then. */
const TRIES = 3;
const AGAIN_MS = 3000;

/** What a tool needs is not here and cannot be fetched. */
export class NoEnvironment extends Error {}

/**
 * A virtual environment with what `requirements.txt` of the tool's folder pins. Made once; made again where a pin changed.
 * @param {string} tool the name of its folder
 * @returns {Promise<{ bin: string, setUpMs: number }>} `bin` holds its commands; 0 ms: it was there
 */
export function pythonEnvironment(tool) {
  return environment(tool, ['requirements.txt'], async (folder) => {
    const python = await findPython();
    // A version manager's name for it may be another one tomorrow.
    await run(python, ['-m', 'venv', '--clear', folder]);
    const own = join(folder, 'bin', 'python');
    await fetchWith(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', UV]);
    const pins = join(ROOT, 'test', 'clients', tool, 'requirements.txt');
    await fetchWith(own, ['-m', 'uv', 'pip', 'sync', '--quiet', '--python', own, pins]);
    return join(folder, 'bin');
  }).then(({ folder, setUpMs }) => ({ bin: join(folder, 'bin'), setUpMs }));
}

/**
 * The packages that `package-lock.json` of the tool's folder pins, without their install scripts.
 * @param {string} tool the name of its folder
 */
export function nodeEnvironment(tool) {
  const files = ['package.json', 'package-lock.json'];
  return environment(tool, files, async (folder) => {
    await mkdir(folder, { recursive: true });
    for (const file of files) await copyFile(join(ROOT, 'test', 'clients', tool, file), join(folder, file));
    const parameters = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    await fetchWith('npm', parameters, { cwd: folder, maxBuffer: OUTPUT_BYTES });
  }).then(({ folder, setUpMs }) => ({ bin: join(folder, 'node_modules', '.bin'), setUpMs }));
}

/** @returns {string} the version of a package that `requirements.txt` of the tool's folder pins */
export function pinnedVersion(tool, name) {
  const text = readFileSync(join(ROOT, 'test', 'clients', tool, 'requirements.txt'), 'utf8');
  const pin = text.split('\n').find((line) => line.startsWith(`${name}==`) || line.startsWith(`${name}[`));
  return pin.split('==')[1].trim();
}

/** The stamp is written last, so that a set-up that was interrupted counts for nothing. */
async function environment(tool, files, make) {
  const folder = join(KEPT, tool);
  const digest = createHash('sha256').update(RECIPE);
  for (const file of files) digest.update(await readFile(join(ROOT, 'test', 'clients', tool, file)));
  const wanted = digest.digest('hex');
  const stamp = join(folder, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { folder, setUpMs: 0 };
  const begun = performance.now();
  await rm(folder, { recursive: true, force: true });
  await mkdir(KEPT, { recursive: true });
  try {
    await make(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (error instanceof NoEnvironment) throw error;
    throw new NoEnvironment(`it could not be installed: ${String(error.stderr || error.message).trim()}`);
  }
  await writeFile(`${stamp}.new`, wanted);
  await rename(`${stamp}.new`, stamp);
  return { folder, setUpMs: performance.now() - begun };
}

async function fetchWith(command, parameters, options = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run(command, parameters, options);
    } catch (error) {
      if (tries === TRIES) throw error;
      await delay(AGAIN_MS * tries);
    }
  }
}

async function findPython() {
  for (const name of PYTHONS) {
    try {
      const { stdout } = await run(name, ['-c', 'import sys; print(sys.version_info >= (3, 11))']);
      if (stdout.trim() === 'True') return name;
    } catch {
      // Not there, or a name behind which there is nothing.
    }
  }
  throw new NoEnvironment('it needs Python 3.11 or later, and none is on the PATH');
}
