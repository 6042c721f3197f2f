import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LOCK_BATCHES, findBatch, moveBatch, takeBatch, type BatchRow } from '#persistence';
import { startTestDatabase, until, type TestDatabase } from '#testing';
import { originOf, type JobIntake } from '../../jobs/intake.js';
import { askLines, lineKey, type Asked } from './ask-lines.js';
import type { LineJobs } from './line-jobs.js';
import { CALLER, aBatch, aBatchInProgress, intakeOf, keeperOf } from './spec-support.js';
import { validateBatch } from './validate-batch.js';

const REQUEST = {
  ...{ model: 'm', prompt: 'p', temperature: 1, max_tokens: 1, region_policy: 'pin', priority: 'low' },
};
const LINES = 3;

describe('a batch whose router has lost it', () => {
  let postgres: TestDatabase;
  const opened: { close: () => Promise<void> }[] = [];
  beforeAll(async () => {
    postgres = await startTestDatabase();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  afterAll(() => postgres.close());

  const lineJobs = {
    read: (_content: Buffer, lineNo: number) => ({
      line: { customId: `id-${lineNo}`, modelName: 'm', request: REQUEST },
    }),
  } as unknown as LineJobs;

  const aBatchOfThree = (): Promise<BatchRow> => aBatchInProgress(postgres.database, LINES);
  const jobsOf = async ({ id }: BatchRow): Promise<number> => {
    const { rows } = await postgres.database.query<{ jobs: number }>(
      `SELECT count(*)::integer AS jobs FROM jobs WHERE idempotency_key LIKE 'batch ' || $1 || ' %'`,
      [id],
    );
    return rows[0]!.jobs;
  };
  const linesOf = async ({ id }: BatchRow): Promise<number> => {
    const { rows } = await postgres.database.query<{ lines: number }>(
      'SELECT count(*)::integer AS lines FROM batch_lines WHERE batch_id = $1',
      [id],
    );
    return rows[0]!.lines;
  };
  /** Asks its lines as a router that knows it from before `meanwhile`. */
  const asked = async (batch: BatchRow, meanwhile: () => Promise<unknown>): Promise<Asked> => {
    const { database } = postgres;
    const real = intakeOf(database);
    let changed: Promise<unknown> | undefined;
    const intake = {
      accept: async (...given: Parameters<JobIntake['accept']>) => {
        await (changed ??= meanwhile());
        return real.accept(...given);
      },
    } as unknown as JobIntake;
    return askLines({ database, intake, lineJobs }, batch, CALLER, 0, LINES);
  };

  it.each<[string, (batch: BatchRow) => Promise<unknown>, number]>([
    [
      'none, where it is cancelled',
      ({ id }) => moveBatch(postgres.database, id, 'in_progress', 'cancelling'),
      0,
    ],
    [
      'none, where it has ended',
      ({ id }) => moveBatch(postgres.database, id, 'in_progress', 'finalizing'),
      0,
    ],
    ['none, where another router drives it', ({ id }) => takeBatch(postgres.database, id), 0],
    [
      'none, where its window has passed',
      ({ id }) =>
        postgres.database.query('UPDATE batches SET expires_at = clock_timestamp() WHERE id = $1', [id]),
      0,
    ],
    ['all, where nothing has changed', () => Promise.resolve(), LINES],
  ])('is given of the jobs that are being made meanwhile: %s', async (_what, meanwhile, jobs) => {
    const batch = await aBatchOfThree();
    const found = await asked(batch, () => meanwhile(batch));
    expect(found).toMatchObject({ lines: jobs, refused: 0, hasLeft: jobs === 0, waitMs: undefined });
    expect(await jobsOf(batch)).toBe(jobs);
  });

  it('is not ended before jobs that are just being made of it can be seen', async () => {
    const { database } = postgres;
    const batch = await aBatchOfThree();
    let ended: Promise<unknown> | undefined;
    await database.transaction(async (client) => {
      const intake = intakeOf({ query: client.query.bind(client) });
      const { id, fence } = batch;
      await intake.accept(REQUEST as never, lineKey(id, 1), originOf(CALLER, { batch: { id, fence } }));
      ended = moveBatch(database, batch.id, 'in_progress', 'cancelling').then(() => jobsOf(batch));
      await until('it waits for them', async () => {
        const { rows } = await database.query(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE batches%'`,
        );
        return rows.length > 0;
      });
    });
    expect(await ended).toBe(1);
  });

  it('keeps its lines where the router that lost it was about to validate it', async () => {
    const { database } = postgres;
    const before = await aBatch(postgres.database, LINES);
    const [fence, stopped] = [(await takeBatch(database, before.id))!, () => false];
    const parts = { database, lineJobs, linesMax: 10, lineBytesMax: 10 };
    const held = { ...before, fence };
    expect(await validateBatch(parts, held, {}, stopped)).toMatchObject({ total: LINES });
    await moveBatch(database, held.id, 'validating', 'in_progress', { total: LINES }, fence);
    for (const late of [before, held]) {
      expect(await validateBatch(parts, late, {}, stopped)).toBe('stopped');
      expect(await linesOf(held)).toBe(LINES);
    }
  });

  it('is moved by the router that drives it alone, or by a client', async () => {
    const { database } = postgres;
    const batch = await aBatchOfThree();
    const fence = (await takeBatch(database, batch.id))!;
    expect(await moveBatch(database, batch.id, 'in_progress', 'finalizing', {}, batch.fence)).toBeUndefined();
    expect(await moveBatch(database, batch.id, 'in_progress', 'finalizing', {}, fence)).toBeDefined();
    const other = await aBatchOfThree();
    expect(await moveBatch(database, other.id, 'in_progress', 'cancelling')).toBeDefined();
  });

  it('gets no jobs from it once another router has ended it', async () => {
    const keeperAt = async (name: string, accept: JobIntake['accept']) => {
      const database = await postgres.open(name);
      const intake = { accept } as unknown as JobIntake;
      const keeper = keeperOf(database, { lineJobs, intake, lineBytesMax: 10 });
      keeper.start();
      opened.push({ close: () => keeper.stop() });
    };
    const batch = await aBatchOfThree();
    // The first is in the middle of asking, and stays there.
    const real = intakeOf(postgres.database);
    let goOn = (): void => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    opened.push({ close: () => Promise.resolve(goOn()) });
    const made: Promise<unknown>[] = [];
    await keeperAt('one', (...given) => {
      const job = gate.then(() => real.accept(...given));
      made.push(job);
      return job;
    });
    await until('the first asks', () => made.length === LINES);
    // The second takes the batch when the first loses its lock, and finds that nobody wants it any more.
    await keeperAt('two', () => Promise.reject(new Error('it is not asked any more')));
    const first = (await findBatch(postgres.database, batch.id))!.fence;
    expect(await moveBatch(postgres.database, batch.id, 'in_progress', 'cancelling')).toBeDefined();
    await until('the second has ended it', async () => {
      await postgres.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
              WHERE locktype = 'advisory' AND classid = $1 AND application_name = 'one'`,
        [LOCK_BATCHES],
      );
      return (await findBatch(postgres.database, batch.id))?.status === 'cancelled';
    });
    expect((await findBatch(postgres.database, batch.id))!.fence).toBeGreaterThan(first);
    goOn();
    const outcomes = await Promise.allSettled(made);
    expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: LINES }, () => 'rejected'));
    expect(await jobsOf(batch)).toBe(0);
  });
});
