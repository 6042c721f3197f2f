import 'reflect-metadata';
import { DataSource } from 'typeorm';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { ENTITIES } from './entities/index.js';
import { MIGRATIONS } from './migrations/index.js';

/** Advisory lock keys; one number, one meaning. */
export const LOCK_MIGRATIONS = 7_310_001;
export const LOCK_ADMISSION = 7_310_002;
/** First half of a pair of keys; the second says which run. */
export const LOCK_RUNS = 7_310_003;

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
}

/**
 * One pool per process. TypeORM owns it (entities, migrations, cold reads); the hot statements in `sql/` use
 * the same pool directly, because a query builder in their way would hide what is being measured.
 */
export class Database {
  private constructor(
    readonly dataSource: DataSource,
    readonly pool: Pool,
  ) {}

  /** Connects. Schema changes are `migrate()`'s work. */
  static async open(url: string, options: DatabaseOptions): Promise<Database> {
    const dataSource = new DataSource({
      type: 'postgres',
      url,
      applicationName: options.applicationName,
      entities: ENTITIES,
      migrations: MIGRATIONS,
      migrationsTableName: 'schema_migrations',
      synchronize: false,
      logging: false,
      poolSize: options.poolSize,
      poolErrorHandler: options.onConnectionFault,
      connectTimeoutMS: 5000,
      extra: {
        keepAlive: true,
        // A paused or lost process must not hold the admission lock for ever.
        idle_in_transaction_session_timeout: 10_000,
        statement_timeout: 30_000,
      },
    });
    await dataSource.initialize();
    const { master } = dataSource.driver as unknown as { master: Pool };
    return new Database(dataSource, master);
  }

  /** Brings the schema up to date. Several processes may call it at once: one works, the others wait. */
  async migrate(): Promise<void> {
    const lockHolder = await this.pool.connect();
    try {
      await lockHolder.query('SET statement_timeout = 0');
      await lockHolder.query('SELECT pg_advisory_lock($1)', [LOCK_MIGRATIONS]);
      await this.dataSource.runMigrations({ transaction: 'each' });
    } finally {
      // Closing the connection releases the lock, also where unlocking would fail.
      lockHolder.release(true);
    }
  }

  query<Row extends QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }> {
    return this.pool.query<Row>(text, values);
  }

  /** @throws where the database does not answer */
  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  /** Runs `work` in one READ COMMITTED transaction; an error rolls back and is thrown on. */
  async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: unknown) => {
        broken = rollbackError instanceof Error ? rollbackError : new Error('rollback failed');
      });
      throw error;
    } finally {
      // A connection whose rollback failed is in an unknown state: it is closed, not reused.
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}
