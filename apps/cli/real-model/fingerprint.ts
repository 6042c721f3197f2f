import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** @returns `undefined` where the file cannot be read */
export async function sha256Of(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      hash.update(chunk as Buffer);
    }
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}

/**
 * Of all names and sizes under a folder: a file that is missing or cut short is noticed, without reading thousands.
 * @returns `undefined` where the folder cannot be read
 */
export async function folderFingerprint(folder: string): Promise<string | undefined> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    const lines = await Promise.all(
      files.map(async (path) => `${relative(folder, path)} ${(await lstat(path)).size}`),
    );
    return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
  } catch {
    return undefined;
  }
}
