import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const READY_MS = 30_000;
/** How much of what a server logged last is told where it does not start. */
const LOG_CHARS = 4000;

/** A server that prints `{"event":"ready","url":"…"}` on stdout once it accepts. */
export class ServerProgram {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /** @throws where it ends, or says nothing in time */
  static async start(
    command: string,
    parameters: readonly string[],
    options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<ServerProgram> {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(command, parameters, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { PATH, HOME, LOG_LEVEL: 'warn', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-LOG_CHARS);
    });
    const url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${command} is not ready in time`)), READY_MS);
      const ended = (): void => reject(new Error(`${command} ended before it was ready:\n${log}`));
      child.once('exit', ended).once('error', reject);
      createInterface({ input: child.stdout }).once('line', (line) => {
        clearTimeout(timer);
        child.off('exit', ended);
        resolve((JSON.parse(line) as { url: string }).url);
      });
    }).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return new ServerProgram(url, child);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}
