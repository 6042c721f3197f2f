import type { PoolClient } from 'pg';
import { LOCK_RUNS, type Database } from '../../database.js';

/**
 * Which runs this process drives: session locks of one connection of its own. Unlike a lease with a date they are
 * free the moment a killed process's connection closes. Losing one is harmless, as two drivers of a run
 * only do the same thing twice; the locks spare that.
 */
export class RunLocks {
  private session: Promise<PoolClient> | undefined;
  private current: PoolClient | undefined;

  /** @param onLost every lock is gone, because their connection broke */
  constructor(
    private readonly database: Database,
    private readonly onLost: () => void,
  ) {}

  async tryLock(runId: string): Promise<boolean> {
    const session = await this.connected();
    const { rows } = await session.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked',
      [LOCK_RUNS, runId],
    );
    return rows[0]?.locked === true;
  }

  async unlock(runId: string): Promise<void> {
    if (this.session === undefined) return;
    const session = await this.session;
    await session.query('SELECT pg_advisory_unlock($1, hashtext($2))', [LOCK_RUNS, runId]);
  }

  /** Tells whether the locks still hold; a broken connection is found out here at the latest. */
  async check(): Promise<void> {
    if (this.session !== undefined) await (await this.session).query('SELECT 1');
  }

  async close(): Promise<void> {
    const session = await this.session?.catch(() => undefined);
    if (session === undefined || this.current !== session) return;
    this.session = undefined;
    this.current = undefined;
    // Closing the connection gives all locks free.
    session.release(true);
  }

  private connected(): Promise<PoolClient> {
    this.session ??= this.connect();
    return this.session;
  }

  private async connect(): Promise<PoolClient> {
    let session: PoolClient | undefined;
    try {
      session = await this.database.pool.connect();
      const connected = session;
      connected.on('error', () => this.lose(connected));
      // A half-open connection must not keep its locks for the two hours that are the kernel's default.
      await connected.query(
        'SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3',
      );
      this.current = connected;
      return connected;
    } catch (error) {
      this.session = undefined;
      session?.release(true);
      throw error;
    }
  }

  /** A connection reports its end more than once, and also after it was given back. */
  private lose(session: PoolClient): void {
    if (this.current !== session || this.session === undefined) return;
    this.current = undefined;
    this.session = undefined;
    session.release(true);
    this.onLost();
  }
}
