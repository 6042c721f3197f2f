import { Database, type DatabaseOptions, type Queryable } from './database.js';

/** SQLSTATE of a role that is not there, may not be taken on, or has no rights. */
const ROLE_FAULTS = /^(?:22023|28000|42501|42704|0LP01)$/;

/**
 * Connections as the role `beacon_charter`: they see the views of the schema `charter` and nothing else, so that a fault
 * in the code cannot tell a customer what those views do not have. A type of its own: a statement that is to run here
 * cannot be given the other pool by mistake.
 */
export class CharterDatabase implements Queryable {
  private constructor(private readonly database: Database) {}

  /** @throws saying what to grant, where the role cannot be taken on */
  static async open(url: string, options: DatabaseOptions): Promise<CharterDatabase> {
    let database: Database;
    try {
      database = await Database.open(url, {
        ...options,
        connectionOptions: '-c role=beacon_charter -c search_path=charter,pg_catalog',
      });
    } catch (error) {
      throw refusal(error) ?? error;
    }
    const charter = new CharterDatabase(database);
    try {
      await charter.query('SELECT FROM jobs LIMIT 0');
    } catch (error) {
      await database.close();
      throw refusal(error) ?? error;
    }
    return charter;
  }

  query: Queryable['query'] = (text, values) => this.database.query(text, values);

  /** Runs `work` in one READ COMMITTED transaction. */
  transaction<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  close(): Promise<void> {
    return this.database.close();
  }
}

function refusal(error: unknown): Error | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !ROLE_FAULTS.test(code)) return undefined;
  return new Error(
    'the database does not let Beacon read as the role beacon_charter. As an administrator: CREATE ROLE beacon_charter ' +
      "NOLOGIN (where it is missing); GRANT beacon_charter TO Beacon's own user; GRANT USAGE ON SCHEMA charter, and " +
      'SELECT ON ALL TABLES IN SCHEMA charter, TO beacon_charter',
    { cause: error },
  );
}
