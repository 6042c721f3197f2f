import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

const TAIL_LINES = 30;

/** The demo's own temporary folder: all data of its processes, and one log of everything they say. */
export class DemoFolder {
  private readonly tail: string[] = [];

  private constructor(
    readonly path: string,
    readonly logPath: string,
    private readonly log: WriteStream,
  ) {
    // A full disk must not take the demo down: what the processes do is seen through their API.
    log.on('error', () => undefined);
  }

  static async create(): Promise<DemoFolder> {
    const path = await mkdtemp(join(tmpdir(), 'beacon-demo-'));
    const logPath = join(path, 'demo.log');
    return new DemoFolder(path, logPath, createWriteStream(logPath, { flags: 'a', mode: 0o600 }));
  }

  readonly write = (line: string): void => {
    const text = line.replace(/\n$/, '');
    this.log.write(`${text}\n`);
    this.tail.push(text);
    if (this.tail.length > TAIL_LINES) this.tail.shift();
  };

  /** The last lines of the log. */
  get lastLines(): readonly string[] {
    return this.tail;
  }

  async close(): Promise<void> {
    this.log.end();
    await finished(this.log).catch(() => undefined);
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}
