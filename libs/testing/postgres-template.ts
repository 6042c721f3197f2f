import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '#embedded-services';
import { Database } from '#persistence';
import { until } from './until.js';

const MAKE_MS = 120_000;

/** Tests' databases live for seconds: what would keep them through a power cut only slows them down. */
export const WITHOUT_CRASH_SAFETY = { fsync: 'off', full_page_writes: 'off' };

/**
 * Puts a migrated database into a data folder that has none, for `startPostgres` to find there. It is made once in each
 * run of the tests, by whoever asks first, and copied from then on: to make one takes seconds, a copy hardly any time.
 * @param dataDir made where it does not exist
 */
export async function copyPostgresTemplate(dataDir: string): Promise<void> {
  const folder = process.env['TEST_TEMPLATES_DIR'];
  if (folder === undefined) throw new Error('the tests run without test/set-up-run.js');
  const template = join(folder, 'postgres');
  if (!existsSync(template)) await makeOnce(folder, template);
  await mkdir(dataDir, { recursive: true });
  // With its owner, who is another one where tests run as root.
  const copy = spawn('cp', ['-a', `${template}/.`, dataDir], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(copy, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${template} could not be copied to ${dataDir}`);
}

async function makeOnce(folder: string, template: string): Promise<void> {
  const isFirst = await mkdir(join(folder, 'postgres.making')).then(
    () => true,
    () => false,
  );
  if (!isFirst) {
    await until('another test has made the database to copy', () => existsSync(template), MAKE_MS);
    return;
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'beacon-test-'));
  const server = await startPostgres({ dataDir, settings: WITHOUT_CRASH_SAFETY });
  const database = await Database.open(server.url, {
    applicationName: 'test',
    poolSize: 1,
    onConnectionFault: () => undefined,
  });
  await database.migrate();
  await database.close();
  await server.stop();
  // Whole or not at all; both folders are temporary ones.
  await rename(dataDir, template);
}
