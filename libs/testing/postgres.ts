import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '#embedded-services';
import { Database } from '#persistence';
import { WITHOUT_CRASH_SAFETY, copyPostgresTemplate } from './postgres-template.js';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /**
   * Another pool on the same database, as another process would have it.
   * @param connectionOptions `-c name=value`
   */
  open(applicationName: string, connectionOptions?: string): Promise<Database>;
  close(): Promise<void>;
}

/**
 * A database on a Postgres of its own, for one spec file.
 * @param isMigrated false: it is empty, for the specs of migrations
 */
export async function startTestDatabase(isMigrated = true): Promise<TestDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'beacon-test-'));
  if (isMigrated) await copyPostgresTemplate(dataDir);
  const server = await startPostgres({ dataDir, settings: WITHOUT_CRASH_SAFETY });
  const opened: Database[] = [];
  const open = async (applicationName: string, connectionOptions?: string): Promise<Database> => {
    const database = await Database.open(server.url, {
      applicationName,
      poolSize: 8,
      onConnectionFault: () => undefined,
      ...(connectionOptions === undefined ? {} : { connectionOptions }),
    });
    opened.push(database);
    return database;
  };
  const database = await open('test');
  return {
    url: server.url,
    database,
    open,
    close: async () => {
      await Promise.all(opened.map((one) => one.close().catch(() => undefined)));
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
