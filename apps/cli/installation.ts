import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The entry scripts of the processes that the supervisor starts. */
export interface Programs {
  readonly router: string;
  readonly dispatcher: string;
  readonly runner: string;
  readonly standIn: string;
}

/** The folder that holds package.json: this file runs from the sources and from `dist/`. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the installation is incomplete: package.json is missing');
    folder = parent;
  }
  return folder;
}

export function builtPrograms(root = projectRoot()): Programs {
  const entry = (app: string): string => join(root, 'dist', 'apps', app, 'main.js');
  return {
    router: entry('router'),
    dispatcher: entry('dispatcher'),
    runner: entry('runner'),
    standIn: entry('modal-stand-in'),
  };
}

/** Where what was fetched is kept between starts, whatever data folder they use. */
export function projectToolDir(root = projectRoot()): string {
  return join(root, '.beacon', 'tools');
}

export function installedVersion(root = projectRoot()): string {
  const described: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(described).version;
}
