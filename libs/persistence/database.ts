import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { Pool, QueryResultRow } from 'pg';
import { LOCK_ADMISSION, LOCK_MIGRATIONS } from './advisory-locks.js';
import { ENTITIES } from './entities/index.js';
import { MIGRATIONS } from './migrations/index.js';

/** Anything that runs one statement: the pool, or the client of a transaction. */
export interface Queryable {
  query<Row extends QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}

export interface DatabaseOptions {
  readonly applicationName: string;
  readonly poolSize: number;
  /** Called for faults of idle connections; the pool replaces them by itself. */
  readonly onConnectionFault: (error: Error) => void;
  /** What each connection begins with, as `-c name=value`; left out: the server's own settings. */
  readonly connectionOptions?: string;
}

/**
 * A connection that breaks between two statements of a transaction says so by an event, and an event nobody hears
 * ends the process. Hearing it is enough: the next statement on the connection fails.
 */
const hearConnectionFault = (): void => undefined;

/** Each costs at least the second after which Postgres looks for dead-locks. */
const DEADLOCK_REPEATS = 3;

function isDeadlock(error: unknown): boolean {
  return ((error ?? {}) as { code?: unknown }).code === '40P01';
}

const MIGRATION_OPTIONS = {
  type: 'postgres',
  migrations: MIGRATIONS,
  migrationsTableName: 'schema_migrations',
  synchronize: false,
  logging: false,
  // The default prints failed migrations to the console; who migrates is told by the error, and logs it in one line.
  logger: 'debug',
} as const;

/**
 * One pool per process. TypeORM owns it (entities, migrations, cold reads); the hot statements in `sql/` use
 * the same pool directly, because a query builder in their way would hide what is being measured.
 */
export class Database {
  private constructor(
    private readonly url: string,
    readonly dataSource: DataSource,
    readonly pool: Pool,
  ) {}

  /** Connects. Schema changes are `migrate()`'s work. */
  static async open(url: string, options: DatabaseOptions): Promise<Database> {
    const dataSource = new DataSource({
      ...MIGRATION_OPTIONS,
      url,
      applicationName: options.applicationName,
      entities: ENTITIES,
      poolSize: options.poolSize,
      poolErrorHandler: options.onConnectionFault,
      connectTimeoutMS: 5000,
      extra: {
        keepAlive: true,
        // A paused or lost process must not hold the admission lock for ever.
        idle_in_transaction_session_timeout: 10_000,
        statement_timeout: 30_000,
        // A connection whose other end is gone without a word must not hold its caller for ever.
        query_timeout: 40_000,
        keepAliveInitialDelayMillis: 10_000,
        ...(options.connectionOptions === undefined ? {} : { options: options.connectionOptions }),
      },
    });
    await dataSource.initialize();
    const { master } = dataSource.driver as unknown as { master: Pool };
    return new Database(url, dataSource, master);
  }

  /** Brings the schema up to date. Several processes may call it at once: one works, the others wait. */
  async migrate(): Promise<void> {
    const migrations = await this.migrationsOnly();
    const { master } = migrations.driver as unknown as { master: Pool };
    const lockHolder = await master.connect();
    lockHolder.on('error', hearConnectionFault);
    try {
      await lockHolder.query('SELECT pg_advisory_lock($1)', [LOCK_MIGRATIONS]);
      await migrations.runMigrations({ transaction: 'each' });
    } finally {
      // Closing the connection releases the lock, also where unlocking would fail.
      lockHolder.release(true);
      await migrations.destroy();
    }
  }

  /** Connections without the limits of the others: to rebuild an index of a large table takes as long as it takes. */
  private migrationsOnly(): Promise<DataSource> {
    return new DataSource({
      ...MIGRATION_OPTIONS,
      url: this.url,
      applicationName: 'beacon-migrations',
      poolSize: 2,
      poolErrorHandler: hearConnectionFault,
      connectTimeoutMS: 5000,
      extra: { keepAlive: true },
    }).initialize();
  }

  query<Row extends QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }> {
    return this.pool.query<Row>(statement(text, values));
  }

  /** @throws where the database does not answer */
  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  /** Runs `work` in one READ COMMITTED transaction; an error rolls back and is thrown on. */
  transaction<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    return this.inTransaction('BEGIN', work);
  }

  /**
   * The same for work that may come to wait for whoever waits for it: where Postgres ends it for that it is done anew, a
   * few times. It changes nothing but what it queries.
   */
  async deadlockableTransaction<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await this.transaction(work);
      } catch (error) {
        if (repeats === DEADLOCK_REPEATS || !isDeadlock(error)) throw error;
      }
    }
  }

  /**
   * The same under the admission lock: whoever holds it may record outcomes and admit jobs, any router at any
   * time, one at a time. Begin, lock and clock are one round trip.
   * @param work gets the database's time, Unix ms, read after the lock was taken
   */
  admissionTransaction<T>(work: (client: Queryable, nowMs: number) => Promise<T>): Promise<T> {
    // clock_timestamp() in the lock's own statement would be read before the wait for it.
    const begin = `BEGIN; SELECT pg_advisory_xact_lock(${LOCK_ADMISSION});
                   SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms`;
    return this.inTransaction(begin, (client, results) => work(client, nowMsOf(results)));
  }

  private async inTransaction<T>(
    begin: string,
    work: (client: Queryable, beginResults: unknown) => Promise<T>,
  ): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    client.on('error', hearConnectionFault);
    try {
      const beginResults: unknown = await client.query(begin);
      const queryable: Queryable = { query: (text, values) => client.query(statement(text, values)) };
      const result = await work(queryable, beginResults);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: unknown) => {
        broken = rollbackError instanceof Error ? rollbackError : new Error('rollback failed');
      });
      throw error;
    } finally {
      client.off('error', hearConnectionFault);
      // A connection whose rollback failed is in an unknown state: it is closed, not reused.
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}

/** Statements with parameters are planned once per connection; planning the big ones costs more than running them. */
const STATEMENT_NAMES_MAX = 500;
const statementNames = new Map<string, string>();

function statement(
  text: string,
  values: unknown[] | undefined,
): { name?: string; text: string; values?: unknown[] } {
  if (values === undefined) return { text };
  let name = statementNames.get(text);
  if (name === undefined) {
    // A text that is built anew each time would fill the server's memory with plans.
    if (statementNames.size >= STATEMENT_NAMES_MAX) return { text, values };
    name = createHash('sha1').update(text).digest('hex');
    statementNames.set(text, name);
  }
  return { name, text, values };
}

function nowMsOf(results: unknown): number {
  const last = (results as { rows: { now_ms?: number }[] }[]).at(-1);
  const nowMs = last?.rows[0]?.now_ms;
  if (nowMs === undefined) throw new Error('the database did not tell its time');
  return nowMs;
}
