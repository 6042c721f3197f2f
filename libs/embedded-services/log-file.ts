import { open, rename, stat, type FileHandle } from 'node:fs/promises';

const KEEP_BYTES = 16 * 1024 * 1024;
const TAIL_BYTES = 4096;

/**
 * Opens a log for appending, moving a large one aside first. A file rather than a pipe: a service that outlives a
 * killed supervisor must not die of, or block on, a broken pipe.
 */
export async function openLog(path: string): Promise<FileHandle> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => 0,
  );
  if (size > KEEP_BYTES) await rename(path, `${path}.1`);
  return open(path, 'a', 0o600);
}

/** @returns the last non-empty lines written at or after `fromByte` */
export async function lastLines(path: string, fromByte: number, count: number): Promise<string[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const start = Math.max(fromByte, size - TAIL_BYTES, 0);
    if (start >= size) return [];
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-count);
  } finally {
    await file.close();
  }
}
