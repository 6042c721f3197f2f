import { write, writeSync } from 'node:fs';

const STDERR = 2;
/** Of lines that wait to be written; more are dropped, because memory is not a queue. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** A reader that does not keep up is given so long before it is tried again. */
const BUSY_PAUSE_MS = 50;
/** How long the end of a process waits for such a reader. */
const LAST_WORDS_MS = 2000;

/** The file system's calls, as far as they are needed here. */
export interface LineWriter {
  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  writeSync(bytes: Buffer): number;
}

const STDERR_WRITER: LineWriter = {
  write: (bytes, done) => write(STDERR, bytes, done),
  writeSync: (bytes) => writeSync(STDERR, bytes),
};

/**
 * Lines on their way to stderr, written in the background. A log that cannot be written, on a full disk or to a reader that
 * has gone, loses its lines and nothing else: pino's own destination would end the process for it, and then try for ever
 * to write its last words, in a loop that no signal gets through to.
 */
export class StderrLines {
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private isWriting = false;

  constructor(
    private readonly writer: LineWriter = STDERR_WRITER,
    private readonly bytesMax = WAITING_BYTES_MAX,
    private readonly lastWordsMs = LAST_WORDS_MS,
  ) {}

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.waitingBytes + bytes.length > this.bytesMax) return;
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (!this.isWriting) this.writeOn(this.takeWaiting());
  }

  /**
   * For the end of the process: what waits is written now, as far as that is possible. What is being written in the
   * background at that moment is not lost, but may come after it.
   */
  flushSync(): void {
    const untilMs = performance.now() + this.lastWordsMs;
    let rest = this.takeWaiting();
    while (rest.length > 0) {
      try {
        rest = rest.subarray(this.writer.writeSync(rest));
      } catch (error) {
        if (!isBusy(error) || performance.now() > untilMs) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
      }
    }
  }

  private takeWaiting(): Buffer {
    const taken = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    return taken;
  }

  private writeOn(bytes: Buffer): void {
    if (bytes.length === 0) {
      this.isWriting = false;
      return;
    }
    this.isWriting = true;
    this.writer.write(bytes, (error, written) => {
      if (error === null) {
        const rest = bytes.subarray(written);
        this.writeOn(rest.length > 0 ? rest : this.takeWaiting());
      } else if (isBusy(error)) {
        this.waiting.unshift(bytes);
        this.waitingBytes += bytes.length;
        setTimeout(() => this.writeOn(this.takeWaiting()), BUSY_PAUSE_MS);
      } else {
        // There may be room again when the next line comes.
        this.isWriting = false;
      }
    });
  }
}

function isBusy(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EBUSY';
}

let lines: StderrLines | undefined;

/** One for all loggers of the process, written to its end. */
export function stderrLines(): StderrLines {
  if (lines === undefined) {
    const made = new StderrLines();
    process.on('exit', () => made.flushSync());
    lines = made;
  }
  return lines;
}
