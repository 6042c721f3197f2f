import { once } from 'node:events';
import { rename, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandError } from '../command-error.js';
import { EXIT_DATA_FOLDER, EXIT_SIGNAL, EXIT_UNAVAILABLE } from '../exit-codes.js';
import type { Answered, RouterOptions } from '../router-api.js';

let isGuarded = false;

/** Whoever reads may go away (`beacon results … | head`): then there is nobody left to work for. */
export function guardOutput(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT_SIGNAL + constants.signals.SIGPIPE);
  });
}

export function writeLines(lines: readonly string[]): void {
  guardOutput();
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** The answer itself with `--json`, else what a view makes of it. */
export function print<T>(
  { json }: Pick<RouterOptions, 'json'>,
  { document, answer }: Answered<T>,
  lines: (answer: T) => readonly string[],
): void {
  writeLines(json === true ? [JSON.stringify(document)] : lines(answer));
}

/**
 * Passes a large answer on as it comes.
 * @param file left out: stdout. It has its name only once it is whole.
 */
export async function deliver(body: ReadableStream<Uint8Array>, file: string | undefined): Promise<void> {
  if (file === undefined) {
    guardOutput();
    try {
      // Not through a pipeline: that would end stdout.
      for await (const chunk of body) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
    } catch (error) {
      throw cutShort(error);
    }
    return;
  }
  const draft = `${file}.part`;
  try {
    await pipeline(Readable.from(body), createWriteStream(draft));
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined || syscall === 'read') throw cutShort(error);
    throw new CommandError(`${file} cannot be written (${code ?? 'unknown error'})`, EXIT_DATA_FOLDER, {
      cause: error,
    });
  }
}

function cutShort(error: unknown): CommandError {
  return new CommandError('the answer ended before it was whole: ask again', EXIT_UNAVAILABLE, {
    cause: error,
  });
}
