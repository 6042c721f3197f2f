import type { PoolClient, QueryResultRow } from 'pg';
import { LOCK_RUNS } from '../../advisory-locks.js';
import type { Database } from '../../database.js';

/**
 * Which runs, or batches, this process drives: session locks of one connection of its own. Unlike a lease with a date they are
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
    private readonly what: number = LOCK_RUNS,
  ) {}

  async tryLock(runId: string): Promise<boolean> {
    const rows = await this.ask<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked',
      [this.what, runId],
    );
    return rows[0]?.locked === true;
  }

  /** @returns those of them that are locked now, and were not by this process */
  async tryLocks(ids: readonly string[]): Promise<string[]> {
    const rows = await this.ask<{ id: string; locked: boolean }>(
      'SELECT id, pg_try_advisory_lock($1, hashtext(id)) AS locked FROM unnest($2::text[]) AS id',
      [this.what, ids],
    );
    return rows.filter(({ locked }) => locked).map(({ id }) => id);
  }

  async unlock(runId: string): Promise<void> {
    if (this.session === undefined) return;
    await this.ask('SELECT pg_advisory_unlock($1, hashtext($2))', [this.what, runId]);
  }

  /** Tells whether the locks still hold; a broken connection is found out here at the latest. */
  async check(): Promise<void> {
    if (this.session !== undefined) await this.ask('SELECT 1');
  }

  async close(): Promise<void> {
    const session = await this.session?.catch(() => undefined);
    if (session === undefined || this.current !== session) return;
    this.session = undefined;
    this.current = undefined;
    // Closing the connection gives all locks free.
    session.release(true);
  }

  /**
   * A statement that fails is taken for a broken connection. Where the other end is gone without a word nothing else tells
   * of it: each statement would run into its time limit, for as long as the system sends the first one again.
   */
  private async ask<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const session = await this.connected();
    try {
      return (await session.query<Row>(text, values)).rows;
    } catch (error) {
      this.lose(session);
      throw error;
    }
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
