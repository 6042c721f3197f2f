import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestDatabase, type TestDatabase } from '#testing';
import { QueueLimits, queueFull, type Newcomer } from './queue-limits.js';

describe('how many jobs may wait', () => {
  let postgres: TestDatabase;
  const now = { ms: 0 };

  beforeAll(async () => {
    postgres = await startTestDatabase();
  });
  afterAll(() => postgres.close());
  beforeEach(async () => {
    now.ms = 0;
    await postgres.database.query('TRUNCATE jobs CASCADE');
  });

  const insert = async ({ keyId, region }: Newcomer, state = 'queued'): Promise<void> => {
    await postgres.database.query(
      `INSERT INTO jobs (id, key_id, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                         timeout_ms, request)
       VALUES ($1, $2, $3, 'm', $4, 'any', 'normal', 'any', 1, 4, 1000, '{}')`,
      [randomUUID(), keyId, state, region],
    );
  };
  const limits = (perKey: number, perRegion: number) =>
    new QueueLimits(
      postgres.database,
      () => ({ queued_jobs_per_key: perKey, queued_jobs_per_region: perRegion }),
      () => now.ms,
    );
  const aJob = (changes: Partial<Newcomer> = {}): Newcomer => ({
    ...{ keyId: 'a', region: 'US', limits: {}, isOfRun: false },
    ...changes,
  });
  const times = (count: number, job: Newcomer) => Array.from({ length: count }, () => job);

  it('a batch is given what room there is, in its order, and the rest is told why', async () => {
    await insert(aJob());
    await insert(aJob(), 'retrying');
    // Neither waits.
    await insert(aJob(), 'processing');
    await insert(aJob(), 'completed');
    const full = await limits(4, 0).takeRoom(times(4, aJob()));
    expect(full.slice(0, 2)).toEqual([undefined, undefined]);
    const told = {
      kind: 'queued_of_key',
      limit: 'limits.queued_jobs_per_key',
      whose: 'key "a"',
      allowed: 4,
      waiting: 4,
    };
    expect(full.slice(2)).toEqual([told, told]);
  });

  it('room that was taken counts before there are rows, and comes back where no job was made', async () => {
    const some = limits(2, 0);
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
    expect((await some.takeRoom(times(2, aJob()))).map((full) => full === undefined)).toEqual([true, false]);
    some.giveBack(aJob());
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
  });

  it('a queue that was full is counted again, soon', async () => {
    const some = limits(1, 0);
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
    some.settle([aJob()]);
    expect(await some.takeRoom([aJob()])).toEqual([expect.objectContaining({ waiting: 1 })]);
    now.ms += 10;
    // Meanwhile the one that was queued has been called.
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
  });

  it.each([
    [100_000, 400, 8000],
    // Nothing that is counted takes so long.
    [1_000_000, 5000, 30_000],
  ])(
    'and the longer counting %d takes (%d ms), the longer it is kept (%d ms)',
    async (jobs, costMs, keptMs) => {
      const waiting = { is: jobs };
      let counts = 0;
      const slow = {
        query: () => {
          counts += 1;
          now.ms += costMs;
          return Promise.resolve({ rows: [{ is_key: true, name: 'a', waiting: waiting.is }] });
        },
      } as unknown as TestDatabase['database'];
      const settings = { queued_jobs_per_key: 1, queued_jobs_per_region: 0 };
      const some = new QueueLimits(
        slow,
        () => settings,
        () => now.ms,
      );
      const refusals = [expect.objectContaining({ waiting: jobs })];
      for (let at = 0; at < keptMs; at += keptMs / 10) {
        now.ms = Math.max(now.ms, at);
        expect(await some.takeRoom([aJob()])).toEqual(refusals);
      }
      expect(counts).toBe(1);
      now.ms = keptMs + 1;
      expect(await some.takeRoom([aJob()])).toEqual(refusals);
      expect(counts).toBe(2);
      // So few are not slow to count: it waited for something else.
      waiting.is = 7;
      now.ms += keptMs + 1;
      for (const count of [3, 4]) {
        expect(await some.takeRoom([aJob()])).toEqual([expect.objectContaining({ waiting: 7 })]);
        expect(counts).toBe(count);
        now.ms += 10;
      }
    },
  );

  it('what other routers queue is seen within a second', async () => {
    const some = limits(3, 0);
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
    some.settle([aJob()]);
    for (let count = 0; count < 3; count += 1) await insert(aJob());
    now.ms += 1001;
    expect(await some.takeRoom([aJob()])).toEqual([expect.objectContaining({ waiting: 3 })]);
  });

  it('what is being queued counts for whoever counts anew meanwhile, until its transaction has ended', async () => {
    const some = limits(2, 0);
    expect(await some.takeRoom(times(2, aJob()))).toEqual([undefined, undefined]);
    now.ms += 1001;
    // None of them has its row.
    expect(await some.takeRoom([aJob()])).toEqual([expect.objectContaining({ waiting: 2 })]);
    await insert(aJob());
    some.settle(times(2, aJob()));
    now.ms += 1001;
    const both = await Promise.all([some.takeRoom([aJob()]), some.takeRoom([aJob()])]);
    expect(both.flat().filter((full) => full === undefined)).toHaveLength(1);
  });

  it('what ends while rows are counted may have gone unseen, and counts all the same', async () => {
    const { database } = postgres;
    let duringCount = (): void => undefined;
    const slow = {
      query: async (...given: Parameters<typeof database.query>) => {
        const found = await database.query(...given);
        duringCount();
        return found;
      },
    } as unknown as TestDatabase['database'];
    const some = new QueueLimits(slow, () => ({ queued_jobs_per_key: 1, queued_jobs_per_region: 0 }));
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
    some.forget();
    duringCount = () => some.settle([aJob()]);
    expect(await some.takeRoom([aJob()])).toEqual([expect.objectContaining({ waiting: 1 })]);
  });

  it('regions have limits whoever queues; a key may have one of its own; runs are counted and not refused', async () => {
    const some = limits(100, 3);
    const ofRun = aJob({ isOfRun: true });
    expect(await some.takeRoom([aJob(), ofRun, ofRun, ofRun])).toEqual(times(4, aJob()).map(() => undefined));
    const full = await some.takeRoom([aJob({ keyId: null }), aJob({ region: 'EU' })]);
    expect(full).toEqual([
      expect.objectContaining({ kind: 'queued_in_region', whose: 'region US', allowed: 3, waiting: 4 }),
      undefined,
    ]);
    const strict = await some.takeRoom(
      times(2, aJob({ keyId: 'b', region: 'EU', limits: { queued_jobs: 1 } })),
    );
    expect(strict).toEqual([
      undefined,
      expect.objectContaining({ limit: 'queued_jobs of the key', allowed: 1 }),
    ]);
  });

  it('without limits nothing is counted', async () => {
    const nowhere = {
      query: () => Promise.reject(new Error('asked')),
    } as unknown as TestDatabase['database'];
    const some = new QueueLimits(nowhere, () => ({ queued_jobs_per_key: 0, queued_jobs_per_region: 0 }));
    expect(await some.takeRoom([aJob()])).toEqual([undefined]);
  });

  it.each([
    [1, 1],
    [12_001, 13],
    [10_000_000, 3600],
    [undefined, 60],
  ])('with %p ms until there is room, the refusal says to come back after %p s', (drainMs, afterS) => {
    const problem = queueFull(
      { kind: 'queued_of_key', limit: 'limits.x', whose: 'key "a"', allowed: 2, waiting: 2 },
      drainMs,
    );
    expect(problem.retryAfterS).toBe(afterS);
    expect(problem.detail).toBe(
      `limits.x: key "a" may have 2 jobs waiting and has 2; try again in ${afterS} s`,
    );
  });
});
