import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Caller } from '#domain';
import { Metrics, createLogger } from '#observability';
import {
  lockDeadLetter,
  lockSettlingJobs,
  markPoison,
  moveBatch,
  redriveLetters,
  requestTenantErasure,
  type Database,
  type Queryable,
  type TenantErasure,
} from '#persistence';
import { startTestDatabase, untilBlocked, type TestDatabase } from '#testing';
import { lineKey } from '../openai/batches/ask-lines.js';
import { aBatchInProgress } from '../openai/batches/spec-support.js';
import { Erasure } from './erasure.js';

const CALLER: Caller = {
  ...{ kind: 'local', tenant: 'local', keyId: null, roles: ['admin'], limits: {}, requestId: null },
};

describe('a request that is erased while somebody redrives its job', () => {
  let postgres: TestDatabase;
  let erasure: Erasure;

  beforeAll(async () => {
    postgres = await startTestDatabase();
    erasure = new Erasure({
      database: postgres.database,
      topology: { purge: () => Promise.resolve() },
      callStore: { get: () => Promise.resolve(undefined), forget: () => Promise.resolve() },
      metrics: new Metrics('test'),
      logger: createLogger('test', 'silent'),
    });
  });
  afterAll(() => postgres.close());

  /** @param hoursAgo when it was asked */
  const aFailedJob = async (tenant: string, hoursAgo = 2): Promise<string> => {
    const id = randomUUID();
    await postgres.database.query(
      `INSERT INTO jobs (id, tenant, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                         timeout_ms, request, created_at, completed_at)
       VALUES ($1, $2, 'failed', 'm', 'US', 'any', 'normal', 'any', 1, 4, 1000, '{"prompt":"secret"}',
               now() - make_interval(hours => $3), now())`,
      [id, tenant, hoursAgo],
    );
    await bury(id);
    return id;
  };
  const bury = (id: string) =>
    postgres.database.query(
      `INSERT INTO dead_letters (job_id, code, detail, attempts) VALUES ($1, 'MODEL_ERROR', '', 1)`,
      [id],
    );
  const fail = async (id: string): Promise<void> => {
    await postgres.database.query(`UPDATE jobs SET state = 'failed', completed_at = now() WHERE id = $1`, [
      id,
    ]);
    await bury(id);
  };
  /** @returns the job that is made of it */
  const redrive = async (client: Queryable, from: string): Promise<string> => {
    const id = randomUUID();
    expect(await lockDeadLetter(client, from)).toMatchObject({ isErased: false });
    const place = { homeRegion: 'US', preferredRegion: null, regionPolicy: 'any', lane: 'any' } as const;
    await redriveLetters(client, [{ ...place, from, id, keyId: null, orderKey: 1 }], 'local');
    return id;
  };
  const redriveNow = (from: string) => postgres.database.transaction((client) => redrive(client, from));
  /** @returns what is made of the job, and what `erase` comes to, which begins before that is committed */
  const whileRedriven = async <T>(
    from: string,
    erase: () => Promise<T>,
  ): Promise<{ made: string; end: T }> => {
    const { made, erasing } = await postgres.database.transaction(async (client) => {
      const redriven = await redrive(client, from);
      const begun = erase().then(
        (value) => () => value,
        (error: unknown) => () => {
          throw error;
        },
      );
      await untilBlocked(postgres.database, 'dead_letters');
      return { made: redriven, erasing: begun };
    });
    return { made, end: (await erasing)() };
  };
  /** One that was asked for an hour ago. */
  const askFor = async (tenant: string): Promise<TenantErasure> => {
    await requestTenantErasure(postgres.database, tenant, 'local');
    const { rows } = await postgres.database.query<{ at: Date }>(
      `UPDATE tenant_erasures SET requested_at = requested_at - interval '1 hour' WHERE tenant = $1
    RETURNING requested_at AS at`,
      [tenant],
    );
    return { tenant, requestedAt: rows[0]!.at };
  };
  const pass = (asked: TenantErasure) => erasure.finishTenant(asked, Number.POSITIVE_INFINITY);
  const secrets = async (tenant: string): Promise<string[]> => {
    const { rows } = await postgres.database.query<{ id: string }>(
      `SELECT id FROM jobs WHERE tenant = $1 AND request::text LIKE '%secret%'`,
      [tenant],
    );
    return rows.map(({ id }) => id);
  };

  it('of a tenant, that comes before the job is reached: what was made of it is erased, too, however often', async () => {
    const failed = await aFailedJob('anna');
    const asked = await askFor('anna');
    const second = await redriveNow(failed);
    expect(await pass(asked)).toEqual({ jobs: 1, runs: 0, complete: false });
    expect(await secrets('anna')).toEqual([second]);
    await fail(second);
    const third = await redriveNow(second);
    expect(await pass(asked)).toEqual({ jobs: 1, runs: 0, complete: false });
    expect(await secrets('anna')).toEqual([third]);
    await fail(third);
    // Another request, made after that was asked for.
    const later = await aFailedJob('anna', 0);
    expect(await pass(asked)).toEqual({ jobs: 1, runs: 0, complete: true });
    expect(await secrets('anna')).toEqual([later]);
  });

  it('of a tenant, that is not done yet when the job is reached: it is waited for, and not said to be complete', async () => {
    const failed = await aFailedJob('ben');
    const asked = await askFor('ben');
    const { made, end } = await whileRedriven(failed, () => pass(asked));
    expect(end).toEqual({ jobs: 1, runs: 0, complete: false });
    expect(await secrets('ben')).toEqual([made]);
    await fail(made);
    expect(await pass(asked)).toEqual({ jobs: 1, runs: 0, complete: true });
    expect(await secrets('ben')).toEqual([]);
  });

  it('of a job: it is refused for the new one, which has not ended, and then takes both', async () => {
    const failed = await aFailedJob('cleo');
    const erase = () => erasure.job(failed, CALLER);
    const refused = await whileRedriven(failed, () => erase().catch((error: unknown) => error));
    expect(refused.end).toMatchObject({ code: 'JOB_NOT_FINISHED' });
    expect((await secrets('cleo')).sort()).toEqual([failed, refused.made].sort());
    await fail(refused.made);
    expect(await erase()).toEqual({ job_id: failed, erased: true, also_erased: [refused.made] });
    expect(await secrets('cleo')).toEqual([]);
  });

  it('of a batch: it is not said to be erased, and its files stay, until the new one has ended, and then takes both', async () => {
    const { database } = postgres;
    const { id, fence, inputFileId } = await aBatchInProgress(database, 1, 3600, 'fay');
    const files = async () => (await database.query('SELECT id FROM files WHERE tenant = $1', ['fay'])).rows;
    await moveBatch(database, id, 'in_progress', 'completed', {}, fence);
    const failed = await aFailedJob('fay');
    await database.query(`UPDATE jobs SET idempotency_key = $2 WHERE id = $1`, [failed, lineKey(id, 1)]);
    const { made, end } = await whileRedriven(failed, () => erasure.batch(id));
    expect(end).toBe(false);
    expect(await secrets('fay')).toEqual([made]);
    expect(await files()).toEqual([{ id: inputFileId }]);
    await fail(made);
    expect(await erasure.batch(id)).toBe(true);
    expect(await secrets('fay')).toEqual([]);
    expect(await files()).toEqual([]);
  });

  describe('where the new job is settled again, and both come to wait for one another', () => {
    let patient: Database;
    beforeAll(async () => {
      // Whoever settles is not the one whom Postgres ends for it.
      patient = await postgres.open('patient', '-c deadlock_timeout=1h');
    });

    /** @returns the job that is made of it, and what `erase` comes to, which holds the letter and wants the new job */
    const whileSettled = async <T>(
      failed: string,
      erase: () => Promise<T>,
    ): Promise<{ made: string; end: T }> => {
      const { database } = postgres;
      await database.query(
        `INSERT INTO webhook_deliveries (job_id, event_type, url, body)
         VALUES ($1, 'job.failed', 'http://localhost', '{"data":{"metadata":{}}}')`,
        [failed],
      );
      const { made, erasing, settling } = await database.transaction(async (webhooks) => {
        await webhooks.query(`SELECT FROM webhook_deliveries WHERE job_id = $1 FOR UPDATE`, [failed]);
        const redriven = await whileRedriven(failed, () => Promise.resolve({ begun: erase() }));
        await untilBlocked(database, 'erase_webhook_metadata');
        await fail(redriven.made);
        const settled = patient.transaction(async (client) => {
          await lockSettlingJobs(client, [redriven.made]);
          return markPoison(client, [redriven.made], ['MODEL_ERROR'], 1);
        });
        await untilBlocked(database, 'SET poison');
        return { made: redriven.made, erasing: redriven.end.begun, settling: { settled } };
      });
      const [end, marked] = await Promise.all([erasing, settling.settled]);
      expect(marked).toBe(2);
      return { made, end };
    };

    it('of a job: it is done anew, and erases both', async () => {
      const failed = await aFailedJob('dora');
      const { made, end } = await whileSettled(failed, () => erasure.job(failed, CALLER));
      expect(end).toEqual({ job_id: failed, erased: true, also_erased: [made] });
      expect(await secrets('dora')).toEqual([]);
    });

    it('of a tenant: likewise', async () => {
      const failed = await aFailedJob('ed');
      const asked = await askFor('ed');
      const { end } = await whileSettled(failed, () => pass(asked));
      expect(end).toEqual({ jobs: 2, runs: 0, complete: true });
      expect(await secrets('ed')).toEqual([]);
    });
  });
});
