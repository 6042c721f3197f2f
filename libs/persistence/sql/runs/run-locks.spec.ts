import { startTestDatabase, until, type TestDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { RunLocks } from './run-locks.js';

const RUN = '01890000-0000-7000-8000-000000000001';
const OTHER = '01890000-0000-7000-8000-000000000002';

let test: TestDatabase;
beforeAll(async () => {
  test = await startTestDatabase();
});
afterAll(() => test.close());

/** Locks, and the connection that holds them. */
async function aHolder() {
  const database = await test.open('holder');
  let lost = 0;
  const sessions: PoolClient[] = [];
  database.pool.on('acquire', (session) => sessions.push(session));
  const locks = new RunLocks(database, () => (lost += 1));
  return { locks, sessions, lost: () => lost };
}

describe('the locks of runs', () => {
  it('are held by one process at a time', async () => {
    const [{ locks: one }, { locks: other }] = [await aHolder(), await aHolder()];
    expect(await one.tryLock(RUN)).toBe(true);
    expect(await other.tryLock(RUN)).toBe(false);
    expect(await other.tryLocks([RUN, OTHER])).toEqual([OTHER]);
    await one.unlock(RUN);
    expect(await other.tryLock(RUN)).toBe(true);
    await Promise.all([one.close(), other.close()]);
  });

  it.each<[string, (locks: RunLocks) => Promise<unknown>]>([
    ['looked at', (locks) => locks.check()],
    ['taken', (locks) => locks.tryLock(OTHER)],
    ['taken together', (locks) => locks.tryLocks([OTHER])],
    ['given back', (locks) => locks.unlock(RUN)],
  ])('are lost with a connection on which nothing succeeds, when they are %s', async (_, use) => {
    const { locks, sessions, lost } = await aHolder();
    // Those of a connection that was closed are free a moment later.
    await until('the run is free', () => locks.tryLock(RUN));
    // It stays open, and answers every statement with an error.
    await sessions[0]!.query('BEGIN');
    await expect(sessions[0]!.query('SELECT 1 / 0')).rejects.toThrow();
    await expect(use(locks)).rejects.toThrow('current transaction is aborted');
    expect(lost()).toBe(1);
    // The next one is on a new connection.
    await until('the other is free', () => locks.tryLock(OTHER));
    expect(sessions).toHaveLength(2);
    await locks.close();
  });
});
