import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestDatabase, untilBlocked, type TestDatabase } from '#testing';
import type { Queryable } from '../database.js';
import { admitJobs } from './admission.js';
import { eraseBatch, insertBatch, takeBatch, moveBatch } from './batches/batches.js';
import { cancelJob } from './cancel-job.js';
import { lockDeadLetter, lockOpenDeadLetters, markPoison } from './dead-letters.js';
import { appendChunk, beginFile, deleteExpiredFiles, deleteTenantFiles, finishFile } from './files.js';
import { markStarted } from './mark-started.js';
import { expireJobs, reissueTicket, returnTicket } from './reconcile.js';
import { EVERYTHING, eraseJobs } from './retention.js';
import { lockSettlingJobs } from './settle-jobs.js';
import { giveUpUnkeyed, holdUnkeyed, releaseUnkeyed } from './unkeyed-requests.js';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

async function aJob(): Promise<string> {
  const id = randomUUID();
  await postgres.database.query(
    `INSERT INTO jobs (id, state, model, home_region, region_policy, priority, lane, order_key, max_attempts, timeout_ms,
                       request, not_before)
     VALUES ($1, 'queued', 'm', 'US', 'any', 'normal', 'any', 1, 4, 1000, '{}', '-infinity')`,
    [id],
  );
  return id;
}
const admit = (client: Queryable, jobId: string) =>
  admitJobs(client, [{ jobId, endpointId: 'US-m', region: 'US', staged: false }], 1000);

/** @returns what `work` comes to, which begins before `first` is committed and waits for it */
async function waitingFor<T>(
  first: (client: Queryable) => Promise<unknown>,
  statement: string,
  work: (client: Queryable) => Promise<T>,
): Promise<T> {
  const { database } = postgres;
  const { waits } = await database.transaction(async (client) => {
    await first(client);
    const begun = database.transaction(work);
    await untilBlocked(database, statement);
    return { waits: begun };
  });
  return waits;
}

/** Advisory lock behind which a statement stands still that is slow to read. */
const STANDSTILL = 1;

/**
 * A pool whose statements stand still where they begin to read a table: they see what was there when they began, as one
 * does that has much to read, and rows that are locked meanwhile do not wait for them.
 */
async function slowlyReading(table: string) {
  const { database } = postgres;
  await database.query(`CREATE SCHEMA slow`);
  await database.query(`
    CREATE FUNCTION slow.stand_still() RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(${STANDSTILL});
      RETURN true;
    END $$`);
  await database.query(
    `CREATE VIEW slow.${table} AS SELECT * FROM public.${table} WHERE (SELECT slow.stand_still())`,
  );
  const slow = await postgres.open('slow', '-c search_path=slow,public');
  return {
    /** @returns what `work` comes to, where `change` is committed after it has begun to read */
    meanwhile: async <T>(
      work: (client: Queryable) => Promise<T>,
      change: () => Promise<unknown>,
    ): Promise<T> => {
      const { begun } = await database.transaction(async (client) => {
        await client.query(`SELECT pg_advisory_xact_lock(${STANDSTILL})`);
        const started = slow.transaction(work);
        await untilBlocked(database, table);
        await change();
        return { begun: started };
      });
      return begun.finally(() => database.query('DROP SCHEMA slow CASCADE'));
    },
  };
}

describe('what waits for a job sees all that was changed with it', () => {
  it('an outcome the ticket that was just issued again', async () => {
    const { database } = postgres;
    const id = await aJob();
    await admit(database, id);
    await database.query(`UPDATE slots SET lease_until = '-infinity' WHERE job_id = $1`, [id]);
    const jobs = await waitingFor(
      (client) => reissueTicket(client, id, 1),
      'FROM jobs',
      (client) => lockSettlingJobs(client, [id]),
    );
    expect(jobs.get(id)).toMatchObject({ epoch: 2, slot_epoch: 2, slot_started: false });
  });

  it('a cancellation the ticket that the job was just given', async () => {
    const id = await aJob();
    const cancelled = await waitingFor(
      (client) => admit(client, id),
      'FROM jobs',
      (client) => cancelJob(client, id),
    );
    expect(cancelled).toEqual({
      ...{ from: 'dispatched', to: 'cancelling', attempt: 1, epoch: 1, home_region: 'US' },
      ...{ endpoint_id: 'US-m', region: 'US' },
    });
  });

  it('a deadline the ticket that the job was given while others were looked for', async () => {
    const { database } = postgres;
    const id = await aJob();
    await database.query(`UPDATE jobs SET deadline = '-infinity' WHERE id = $1`, [id]);
    const slow = await slowlyReading('jobs');
    const expired = await slow.meanwhile(
      (client) => expireJobs(client, 10),
      () => admit(database, id),
    );
    expect(expired).toEqual([
      {
        ...{ id, from: 'dispatched', attempt: 1, epoch: 1, home_region: 'US' },
        ...{ endpoint_id: 'US-m', region: 'US' },
      },
    ]);
  });
});

describe('a sign of life just as its lease runs out', () => {
  const hear = (client: Queryable, jobId: string) =>
    markStarted(client, [{ job_id: jobId, epoch: 1, dispatcher_id: 'd', running_ms: 0 }]);
  /** @returns what `take` and the sign come to, which waits for the job's lock before `take` reaches for the slot */
  const crossing = async <T>(jobId: string, take: (client: Queryable) => Promise<T>) => {
    const { database } = postgres;
    await database.query(`UPDATE slots SET lease_until = '-infinity' WHERE job_id = $1`, [jobId]);
    const { taken, heard } = await database.transaction(async (client) => {
      await client.query(`SELECT FROM jobs WHERE id = $1 FOR UPDATE`, [jobId]);
      const sign = database.transaction((other) => hear(other, jobId));
      await untilBlocked(database, 'WITH signs');
      return { taken: await take(client), heard: sign };
    });
    return { taken, heard: await heard };
  };

  it('waits for whoever issues the ticket again, and changes nothing of the new one', async () => {
    const { database } = postgres;
    const id = await aJob();
    await admit(database, id);
    const { taken, heard } = await crossing(id, (client) => reissueTicket(client, id, 1));
    expect({ taken, heard }).toMatchObject({ taken: { id, epoch: 2 }, heard: [] });
    const { rows } = await database.query(`SELECT epoch, holder, started_at FROM slots WHERE job_id = $1`, [
      id,
    ]);
    expect(rows).toEqual([{ epoch: 2, holder: null, started_at: null }]);
  });

  it('of a call that is known to run, too', async () => {
    const { database } = postgres;
    const id = await aJob();
    await admit(database, id);
    expect(await hear(database, id)).toMatchObject([{ id }]);
    const { taken, heard } = await crossing(id, (client) => reissueTicket(client, id, 1));
    expect({ taken, heard }).toMatchObject({ taken: { id, epoch: 2 }, heard: [] });
  });

  it('waits for whoever takes the ticket back', async () => {
    const { database } = postgres;
    const id = await aJob();
    await admit(database, id);
    expect(await crossing(id, (client) => returnTicket(client, id, 1, 'nobody'))).toEqual({
      taken: true,
      heard: [],
    });
    const { rows } = await database.query(`SELECT state FROM jobs WHERE id = $1`, [id]);
    expect(rows).toEqual([{ state: 'queued' }]);
  });

  it('goes on where the ticket is left as it is', async () => {
    const id = await aJob();
    await admit(postgres.database, id);
    expect(await crossing(id, () => Promise.resolve('left'))).toMatchObject({
      taken: 'left',
      heard: [{ id }],
    });
  });
});

it('whoever erases holds dead letters, and waits for no job that has not ended: its settlement may want them', async () => {
  const [going, ended] = [await aJob(), await aJob()];
  await postgres.database.query(`UPDATE jobs SET state = 'failed', completed_at = now() WHERE id = $1`, [
    ended,
  ]);
  const erased = await postgres.database.transaction(async (client) => {
    await lockSettlingJobs(client, [going]);
    return postgres.database.transaction((other) => eraseJobs(other, [going, ended], EVERYTHING));
  });
  expect(erased).toEqual([ended]);
});

it('many that are redriven at once are seen as erased where that was done a moment ago', async () => {
  const { database } = postgres;
  const id = await aJob();
  await database.query(`UPDATE jobs SET state = 'failed', completed_at = now() WHERE id = $1`, [id]);
  await database.query(
    `INSERT INTO dead_letters (job_id, code, detail, attempts) VALUES ($1, 'MODEL_ERROR', '', 1)`,
    [id],
  );
  const lock = (client: Queryable) => lockOpenDeadLetters(client, {}, '0', 10);
  expect(await database.transaction(lock)).toMatchObject([{ jobId: id, isErased: false }]);
  const slow = await slowlyReading('dead_letters');
  const erase = () => database.transaction((client) => eraseJobs(client, [id], EVERYTHING));
  expect(await slow.meanwhile(lock, erase)).toMatchObject([{ jobId: id, isErased: true }]);
});

it.each<[string, (client: Queryable, jobIds: readonly string[]) => Promise<unknown>, number]>([
  ['erases', (client, jobIds) => eraseJobs(client, jobIds, EVERYTHING), 1000],
  ['marks poison', (client, jobIds) => markPoison(client, jobIds, ['MODEL_ERROR'], 1), 2000],
])(
  'whoever %s takes dead letters as whoever redrives does: from a job to the one that was made of it',
  async (_, change, letterNo) => {
    const { database } = postgres;
    const [made, failed] = [await aJob(), await aJob()].sort() as [string, string];
    await database.query(`UPDATE jobs SET state = 'failed', completed_at = now() WHERE id IN ($1, $2)`, [
      failed,
      made,
    ]);
    // Whether the table is read from its beginning or by the jobs' ids, the later letter comes first.
    for (const [id, no] of [
      [made, letterNo + 1],
      [failed, letterNo],
    ]) {
      await database.query(
        `INSERT INTO dead_letters (job_id, letter_no, code, detail, attempts) OVERRIDING SYSTEM VALUE
       VALUES ($1, $2, 'MODEL_ERROR', '', 1)`,
        [id, no],
      );
    }
    const [changed] = await database.transaction(async (client) => {
      expect(await lockDeadLetter(client, failed)).toMatchObject({ isErased: false });
      const changing = database.transaction((other) => change(other, [failed, made]));
      await untilBlocked(database, 'dead_letters');
      expect(await lockDeadLetter(client, made)).toMatchObject({ isErased: false });
      return [changing];
    });
    await changed;
  },
);

it('whoever lets a request go that is just given up learns that it was', async () => {
  const { database } = postgres;
  const [holder, other] = [randomUUID(), randomUUID()];
  const request = { tenant: 'a', fingerprint: 'ab'.repeat(32), jobs: 1 };
  const note = (idempotencyKey: string) =>
    holdUnkeyed(database, { ...request, idempotencyKey }, holder, -1, 'any', 'released');
  expect(await note('given up')).toBe('given up');
  const isNoted = await waitingFor(
    (client) => giveUpUnkeyed(client, 0, other, 1000),
    'UPDATE unkeyed_requests',
    (client) => releaseUnkeyed(client, 'given up', holder),
  );
  expect(isNoted).toBe(false);
  expect(await note('goes on')).toBe('goes on');
  expect(await releaseUnkeyed(database, 'goes on', holder)).toBe(true);
  // Somebody else's by now: it is not to be ended for that.
  expect(await releaseUnkeyed(database, 'goes on', holder)).toBe(true);
});

describe('a file that a batch has just begun to read stays', () => {
  const NOBODY = { keyId: null, keyLimits: {}, metadata: null, outputExpiresS: null } as const;
  const aFile = async (tenant: string): Promise<string> => {
    const { database } = postgres;
    const id = randomUUID();
    await database.transaction((client) => beginFile(client, { id, tenant, keyId: null }, 0));
    await appendChunk(database, id, 1, 0, Buffer.from('{}'));
    await finishFile(database, id, { filename: 'f', purpose: 'batch', expiresS: null });
    return id;
  };
  const begin = async (client: Queryable, tenant: string, inputFileId: string): Promise<string> => {
    const id = randomUUID();
    const asked = { endpoint: '/v1/chat/completions', completionWindow: '24h', windowS: 3600 } as const;
    const asks = { priority: 'low', headers: {} } as const;
    await insertBatch(client, { ...NOBODY, ...asked, asks, id, tenant, inputFileId }, 0);
    return id;
  };
  const isThere = async (id: string): Promise<boolean> =>
    (await postgres.database.query('SELECT FROM files WHERE id = $1', [id])).rows.length === 1;

  it('where an ended one that read it is erased', async () => {
    const { database } = postgres;
    const file = await aFile('a');
    const ended = await database.transaction((client) => begin(client, 'a', file));
    await takeBatch(database, ended);
    await moveBatch(database, ended, 'validating', 'failed');
    let next = '';
    const erased = await waitingFor(
      async (client) => (next = await begin(client, 'a', file)),
      'files',
      (client) => eraseBatch(client, ended),
    );
    expect({ erased, isThere: await isThere(file) }).toEqual({ erased: true, isThere: true });
    await moveBatch(database, next, 'validating', 'failed');
    await database.transaction((client) => eraseBatch(client, next));
    expect(await isThere(file)).toBe(false);
  });

  it('where its tenant is erased', async () => {
    const { database } = postgres;
    const file = await aFile('b');
    const erase = (client: Queryable) => deleteTenantFiles(client, 'b', new Date(Date.now() + 3_600_000), 10);
    let batch = '';
    const kept = await waitingFor(async (client) => (batch = await begin(client, 'b', file)), 'files', erase);
    expect({ kept, isThere: await isThere(file) }).toEqual({ kept: { deleted: 0, left: 1 }, isThere: true });
    await moveBatch(database, batch, 'validating', 'failed');
    expect(await database.transaction(erase)).toEqual({ deleted: 1, left: 0 });
  });

  it('where it has had its time', async () => {
    const { database } = postgres;
    const file = await aFile('c');
    await database.query(`UPDATE files SET created_at = created_at - interval '2 days' WHERE id = $1`, [
      file,
    ]);
    const slow = await slowlyReading('files');
    let batch = '';
    const kept = await slow.meanwhile(
      (client) => deleteExpiredFiles(client, 1, 1, 10),
      async () => (batch = await database.transaction((client) => begin(client, 'c', file))),
    );
    expect({ kept, isThere: await isThere(file) }).toEqual({ kept: 0, isThere: true });
    await moveBatch(database, batch, 'validating', 'failed');
    expect(await database.transaction((client) => deleteExpiredFiles(client, 1, 1, 10))).toBe(1);
  });
});
