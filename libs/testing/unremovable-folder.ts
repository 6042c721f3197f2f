import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const SEGMENT = Array.from({ length: 4 }, () => 'x'.repeat(200)).join('/');
/** Longer together than any system's paths may be, each of them shorter. */
const SEGMENTS = 6;

/**
 * Makes a folder that nobody can remove by its path, root neither: the paths of what is in it are too long. It stands for
 * one in which a process makes files faster than another removes them.
 * @returns makes it removable, and removes it
 */
export async function makeUnremovable(folder: string): Promise<() => Promise<void>> {
  const aside = `${folder}.aside`;
  const inner = join(folder, SEGMENT, 'inner');
  await mkdir(join(folder, SEGMENT), { recursive: true });
  for (let count = 1; count < SEGMENTS; count += 1) {
    await rename(folder, aside);
    await mkdir(join(folder, SEGMENT), { recursive: true });
    await rename(aside, inner);
  }
  return async () => {
    for (let count = 1; count < SEGMENTS; count += 1) {
      await rename(inner, aside);
      await rm(folder, { recursive: true });
      await rename(aside, folder);
    }
    await rm(folder, { recursive: true });
  };
}
