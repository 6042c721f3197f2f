import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those around it that are missing; one that is there already is left as it is. In place of
 * `mkdir(path, { recursive: true })`, which never ends on Node.js 20 where a folder that is there refuses with ENOENT to
 * hold another, as `/proc` does: it holds a thread of the process, so the process cannot even end.
 * @throws as mkdir does; ENOTDIR where something else than a folder has the name
 */
export async function makeFolder(path: string): Promise<void> {
  if (await make(path)) return;
  const around = dirname(path);
  if (around !== path && !(await isFolder(around))) await makeFolder(around);
  // Once more also where the folder around it is there: somebody else may have made it since the first try.
  if (!(await make(path))) throw refused(path, 'ENOENT');
}

/** @returns false where the folder around it is missing, or says so */
async function make(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    // Some file systems refuse for another reason what is there already: only whether it is there counts.
    if (await isFolder(path)) return true;
    throw code === 'EEXIST' ? refused(path, 'ENOTDIR') : error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function refused(path: string, code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: the folder cannot be made`), { code, path });
}
