import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { until } from '#testing';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const DOCUMENTED_ADDRESS = '127.0.0.1:8080';
/** npx takes a second to find what it is to run, and a guide has dozens of it: after the first time it is known. */
const KNOWN_NPX = `npx() {
        if [ ! -e .npx ]; then touch .npx; command npx "$@"
        elif [ "$1" = beacon ]; then shift; node apps/cli/bin/beacon.js "$@"
        else PATH="$PWD/node_modules/.bin:$PATH" command "$@"; fi
      }`;
const READY_MS = 120_000;
const BLOCK_MS = 180_000;
const STOP_MS = 60_000;

/**
 * A reader's clone holds none of what git does not keep, and what other specs write there comes and goes while it is
 * copied. Its packages are those that are installed here, and so is what was built.
 */
async function notCopied(): Promise<ReadonlySet<string>> {
  const ignored = await readFile(join(REPOSITORY, '.gitignore'), 'utf8');
  const names = ignored.split('\n').map((line) => line.replace(/\/$/, ''));
  return new Set(['.git', ...names.filter((name) => name !== 'dist')]);
}

/** A reader at work: a clone of the repository, a shell that remembers what was set in it, and a terminal for the server. */
export class Terminal {
  private server: { readonly child: ChildProcess; readonly url: string } | undefined;
  private constructor(readonly folder: string) {}

  static async open(): Promise<Terminal> {
    const folder = await mkdtemp(join(tmpdir(), 'beacon-guide-'));
    const left = await notCopied();
    for (const name of await readdir(REPOSITORY)) {
      // With the times of its files, or it would be built again.
      await cp(join(REPOSITORY, name), join(folder, name), {
        ...{ recursive: true, preserveTimestamps: true },
        filter: (path) => !left.has(basename(path)),
      });
    }
    await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
    return new Terminal(folder);
  }

  async save(file: string, text: string): Promise<void> {
    await writeFile(join(this.folder, file), this.withAddress(text));
  }

  /** @returns what was printed  @throws Error where a command fails, with what it said */
  async run(text: string): Promise<string> {
    if (/^(\w+=\S* )*npm start\b/m.test(text)) {
      await this.serve(text);
      return '';
    }
    const script = `set -eo pipefail
      ${KNOWN_NPX}
      set -a; [ ! -f .environment ] || . ./.environment
      ${this.withAddress(text)}
      export -p | grep -v ' BEACON_URL=' > .environment`;
    const child = spawn('bash', ['-c', script], { ...this.options(), stdio: ['ignore', 'pipe', 'pipe'] });
    let [printed, said] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    const code = await endOf(child, BLOCK_MS);
    if (code !== 0) throw new Error(`it ended with ${code}:\n${text}\n${printed}\n${said}`);
    return printed;
  }

  async close(): Promise<void> {
    await this.stopServing();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** In a terminal of its own, until the next one or the end; the one before is ended as Ctrl-C does. */
  private async serve(text: string): Promise<void> {
    await this.stopServing();
    const options = this.options();
    const child = spawn('bash', ['-c', text], {
      ...options,
      env: { ...options.env, BEACON_PORT: '0', LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let [printed, said] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-8000)));
    try {
      const url = await until(
        'the server is ready',
        () => {
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said}`);
          return /"event":"ready","url":"([^"]+)"/.exec(printed)?.[1];
        },
        READY_MS,
      );
      this.server = { child, url };
    } catch (error) {
      this.server = { child, url: '' };
      await this.stopServing();
      throw error;
    }
  }

  private async stopServing(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const { child } = server;
    if (child.exitCode !== null || child.pid === undefined) return;
    // To its whole group, as a terminal does.
    process.kill(-child.pid, 'SIGINT');
    await endOf(child, STOP_MS);
  }

  /** A reader's server has the documented port; this one has whichever was free. */
  private withAddress(text: string): string {
    const { url } = this.server ?? {};
    return url === undefined ? text : text.replaceAll(DOCUMENTED_ADDRESS, new URL(url).host);
  }

  private options(): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } {
    const { PATH = '', HOME = '', NATS_SERVER_BIN } = process.env;
    return {
      cwd: this.folder,
      env: {
        ...{ PATH, HOME, NO_COLOR: '1', npm_config_update_notifier: 'false' },
        ...(NATS_SERVER_BIN === undefined ? {} : { NATS_SERVER_BIN }),
        ...(this.server === undefined ? {} : { BEACON_URL: this.server.url }),
      },
    };
  }
}

async function endOf(child: ChildProcess, timeoutMs: number): Promise<number | string> {
  let code: number | string | undefined;
  if (child.exitCode !== null) return child.exitCode;
  child.once('close', (exitCode, signal) => (code = exitCode ?? signal ?? 'nothing'));
  try {
    return await until('the command ends', () => code, timeoutMs);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
