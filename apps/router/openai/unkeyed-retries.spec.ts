import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProblemError } from '#contracts';
import { Metrics, createLogger } from '#observability';
import type { Database } from '#persistence';
import { startTestDatabase, until, type TestDatabase } from '#testing';
import type { Cancellation } from '../jobs/cancellation.js';
import { UnkeyedRetries, type RetryTimes } from './unkeyed-retries.js';

const FINGERPRINT = 'ab'.repeat(32);
/** Of a client that waits. */
const STAYS = new AbortController().signal;

describe('a request without an idempotency key', () => {
  let postgres: TestDatabase;
  const routers: UnkeyedRetries[] = [];
  let nth = 0;
  /** A request that no other test asks for. */
  const request = (): { tenant: string; fingerprint: string } => ({
    tenant: `tenant-${(nth += 1)}`,
    fingerprint: FINGERPRINT,
  });

  beforeAll(async () => {
    postgres = await startTestDatabase();
  });
  afterEach(async () => {
    await Promise.all(routers.splice(0).map((router) => router.stop()));
  });
  afterAll(() => postgres.close());

  const cancelled: string[] = [];
  const cancels = (jobId: string): Promise<unknown> => {
    cancelled.push(jobId);
    return Promise.resolve('cancelled');
  };
  const router = (
    times: Partial<RetryTimes> = {},
    cancel = cancels,
    database: Database = postgres.database,
  ): UnkeyedRetries => {
    const started = new UnkeyedRetries({
      database,
      cancellation: { cancel } as unknown as Cancellation,
      metrics: new Metrics('test'),
      logger: createLogger('test', 'silent'),
      times: { renewMs: 20, leaseMs: 10_000, returnMs: 60_000, ...times },
    });
    started.start();
    routers.push(started);
    return started;
  };

  /** The database, behind something that happens before each statement. */
  const through = (before: (text: string, values: unknown) => Promise<void> | void): Database => {
    const query = async (...parameters: Parameters<Database['query']>): Promise<unknown> => {
      await before(parameters[0], parameters[1]);
      return postgres.database.query(...parameters);
    };
    return { query } as unknown as Database;
  };
  const isRenewal = (text: string): boolean => text.startsWith('UPDATE unkeyed_requests SET held_until');
  const hasRunOut = async (key: string): Promise<boolean> => {
    const { rows } = await postgres.database.query(
      'SELECT FROM unkeyed_requests WHERE idempotency_key = $1 AND held_until <= clock_timestamp()',
      [key],
    );
    return rows.length > 0;
  };

  it('is given a key of its own, and so is the next one like it', async () => {
    const wanted = request();
    const one = await router().hold(wanted, false, 1, STAYS);
    const two = await router().hold(wanted, false, 1, STAYS);
    expect(two.idempotencyKey).not.toBe(one.idempotencyKey);
  });

  it('is taken over by another try once its client has gone, and by one only', async () => {
    const wanted = request();
    const [here, there] = [router(), router()];
    const first = await here.hold(wanted, false, 1, STAYS);
    await first.release();
    const tries = [here.hold(wanted, true, 1, STAYS), there.hold(wanted, true, 1, STAYS)];
    const one = await Promise.race(tries);
    expect(one.idempotencyKey).toBe(first.idempotencyKey);
    await one.settle();
    const keys = (await Promise.all(tries)).map(({ idempotencyKey }) => idempotencyKey);
    expect(keys.filter((key) => key === first.idempotencyKey)).toHaveLength(1);
  });

  it('is handed on by a try whose own client has gone, too, to the one after it', async () => {
    const wanted = request();
    const here = router();
    const first = await here.hold(wanted, false, 1, STAYS);
    await first.release();
    // The router stood still, and reads of both tries at once.
    const tries = [here.hold(wanted, true, 1, STAYS), here.hold(wanted, true, 1, STAYS)];
    const one = await Promise.race(tries);
    await one.release();
    for (const { idempotencyKey } of await Promise.all(tries))
      expect(idempotencyKey).toBe(first.idempotencyKey);
  });

  it('is found by another try that comes while it is being noted', async () => {
    const wanted = request();
    let note = (): void => undefined;
    const isSlow = new Promise<void>((resolve) => (note = resolve));
    let isFirst = true;
    const slowAtFirst = through(async () => {
      const isHeldUp = isFirst;
      isFirst = false;
      if (isHeldUp) await isSlow;
    });
    const here = router({ renewMs: 60_000 }, cancels, slowAtFirst);
    const holding = here.hold(wanted, false, 1, STAYS);
    const retry = here.hold(wanted, true, 1, STAYS);
    // Time enough to be noted first, if it did not wait.
    for (let roundTrip = 0; roundTrip < 20; roundTrip += 1) await postgres.database.query('SELECT');
    note();
    const first = await holding;
    await first.release();
    expect((await retry).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('is not noted once its client has gone, and what it has taken over is let go', async () => {
    const wanted = request();
    const here = router();
    await expect(here.hold(wanted, false, 1, AbortSignal.abort())).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    const { rows } = await postgres.database.query('SELECT FROM unkeyed_requests WHERE tenant = $1', [
      wanted.tenant,
    ]);
    expect(rows).toHaveLength(0);
    const first = await here.hold(wanted, false, 1, STAYS);
    await first.release();
    for (const isRetry of [false, true]) {
      const leaving = new AbortController();
      const holding = here.hold(wanted, isRetry, 1, leaving.signal);
      // By then it is being noted.
      await nextTurn();
      leaving.abort();
      await expect(holding).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
    expect((await here.hold(wanted, true, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('waits for one like it no longer than its client does', async () => {
    const wanted = request();
    let looks = 0;
    const counted = through((text) => void (looks += text.includes('INSERT') ? 1 : 0));
    const here = router({ leaseMs: 3_600_000 }, cancels, counted);
    await here.hold(wanted, false, 1, STAYS);
    const leaving = new AbortController();
    const holding = here.hold(wanted, true, 1, leaving.signal);
    const refused = expect(holding).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await until('it has looked, and looked again', () => looks >= 3);
    leaving.abort();
    await refused;
  });

  it('is let go for good, also where a renewal of it was on its way', async () => {
    const wanted = request();
    let go = (): void => undefined;
    const hasGone = new Promise<void>((resolve) => (go = resolve));
    let isOnItsWay = false;
    const slow = through(async (text, values) => {
      const isOfOurs = isRenewal(text) && JSON.stringify(values).includes('openai-');
      if (!isOfOurs) return;
      isOnItsWay = true;
      await hasGone;
    });
    const here = router({}, cancels, slow);
    const first = await here.hold(wanted, false, 1, STAYS);
    await until('a renewal is on its way', () => isOnItsWay);
    await first.release();
    go();
    await here.stop();
    expect((await router().hold(wanted, false, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('is not taken over where its lease ran out and its client waits here all the same', async () => {
    const wanted = request();
    const here = router({ leaseMs: 1, renewMs: 60_000 });
    const first = await here.hold(wanted, false, 1, STAYS);
    await until('the lease has run out', () => hasRunOut(first.idempotencyKey));
    expect((await here.hold(wanted, false, 1, STAYS)).idempotencyKey).not.toBe(first.idempotencyKey);
    // The control: on another router it looks as if this one had died.
    expect((await router().hold(wanted, false, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('is not taken over by another router as long as that cannot renew its own: theirs is no better off', async () => {
    const wanted = request();
    const there = router({ leaseMs: 1, renewMs: 60_000 });
    const first = await there.hold(wanted, false, 1, STAYS);
    await until('the lease has run out', () => hasRunOut(first.idempotencyKey));
    let failures = 0;
    const failing = through((text) => {
      if (!isRenewal(text)) return;
      failures += 1;
      throw new Error('the database is away');
    });
    const here = router({}, cancels, failing);
    await until('it knows of the outage', () => failures >= 2);
    expect((await here.hold(wanted, false, 1, STAYS)).idempotencyKey).not.toBe(first.idempotencyKey);
    // The control: what was let go may be taken over all the same.
    await first.release();
    expect((await here.hold(wanted, false, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('is taken over by whoever asks for the same: that answer nobody has seen', async () => {
    const wanted = request();
    const here = router();
    const first = await here.hold(wanted, false, 1, STAYS);
    await first.release();
    expect((await here.hold(wanted, false, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
    expect((await here.hold(wanted, false, 1, STAYS)).idempotencyKey).not.toBe(first.idempotencyKey);
  });

  it('is not taken over once its client has its answer', async () => {
    const wanted = request();
    const here = router();
    const first = await here.hold(wanted, false, 1, STAYS);
    await first.settle();
    expect((await here.hold(wanted, true, 1, STAYS)).idempotencyKey).not.toBe(first.idempotencyKey);
  });

  it('is waited for as long as its client seems to wait, for that may be the very one that tries again', async () => {
    const wanted = request();
    const here = router();
    const first = await here.hold(wanted, false, 1, STAYS);
    const retry = here.hold(wanted, true, 1, STAYS);
    await first.release();
    expect((await retry).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('is taken over when its router has died', async () => {
    const wanted = request();
    const dead = router({ leaseMs: 300 });
    const first = await dead.hold(wanted, false, 1, STAYS);
    await dead.stop();
    expect((await router().hold(wanted, true, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
  });

  it('whose client waits beyond the lease stays its own', async () => {
    const wanted = request();
    // So long that a machine which stands still for a moment does not lose it: that it runs out is said by the spec.
    const first = await router({ leaseMs: 60_000 }).hold(wanted, false, 1, STAYS);
    await postgres.database.query(
      'UPDATE unkeyed_requests SET held_until = clock_timestamp() WHERE idempotency_key = $1',
      [first.idempotencyKey],
    );
    await until('it is renewed', async () => !(await hasRunOut(first.idempotencyKey)));
    expect((await router({ leaseMs: 300 }).hold(wanted, true, 1, STAYS)).idempotencyKey).not.toBe(
      first.idempotencyKey,
    );
  });

  it('is not taken for that of another tenant, or for another request', async () => {
    const wanted = request();
    const here = router();
    const first = await here.hold(wanted, false, 1, STAYS);
    await first.release();
    for (const other of [request(), { ...wanted, fingerprint: 'cd'.repeat(32) }])
      expect((await here.hold(other, true, 1, STAYS)).idempotencyKey).not.toBe(first.idempotencyKey);
    // The control.
    expect((await here.hold(wanted, true, 1, STAYS)).idempotencyKey).toBe(first.idempotencyKey);
  });

  const aJob = async (tenant: string, key: string): Promise<string> => {
    const { rows } = await postgres.database.query<{ id: string }>(
      `INSERT INTO jobs (id, tenant, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                         timeout_ms, request, idempotency_key, request_hash)
       VALUES (gen_random_uuid(), $1, 'queued', 'm', 'US', 'pin', 'normal', 'pin:US', 1, 1, 1000, '{}', $2, '\\x00')
       RETURNING id`,
      [tenant, key],
    );
    return rows[0]!.id;
  };
  const isNoted = async (key: string): Promise<boolean> => {
    const { rows } = await postgres.database.query(
      'SELECT FROM unkeyed_requests WHERE idempotency_key = $1',
      [key],
    );
    return rows.length > 0;
  };

  it('that nobody comes back for has its jobs cancelled, all of them, and others have not', async () => {
    const here = router({ returnMs: 50 });
    const wanted = request();
    const left = await here.hold(wanted, false, 2, STAYS);
    const kept = await here.hold(wanted, false, 1, STAYS);
    const { tenant } = wanted;
    const abandoned = [
      await aJob(tenant, `${left.idempotencyKey}#0`),
      await aJob(tenant, `${left.idempotencyKey}#1`),
    ];
    const waitedFor = await aJob(tenant, kept.idempotencyKey);
    await left.release();
    await until('its jobs are cancelled', () => (cancelled.length >= 2 ? true : undefined));
    expect([...cancelled].sort()).toEqual([...abandoned].sort());
    expect(cancelled).not.toContain(waitedFor);
    await until('it is forgotten', async () => !(await isNoted(left.idempotencyKey)));
    expect(await isNoted(kept.idempotencyKey)).toBe(true);
  });

  it('whose router dies as it cancels its jobs has them cancelled by another, and is taken over by none', async () => {
    const wanted = request();
    let die = (): void => undefined;
    const death = new Promise<never>((_, reject) => (die = () => reject(new Error('the router has died'))));
    let isCancelling = false;
    const dying = router({ returnMs: 50, leaseMs: 300 }, () => {
      isCancelling = true;
      return death;
    });
    const left = await dying.hold(wanted, false, 1, STAYS);
    const job = await aJob(wanted.tenant, left.idempotencyKey);
    await left.release();
    await until('its router cancels', () => isCancelling);
    const next = router({ returnMs: 600_000, leaseMs: 300 });
    expect((await next.hold(wanted, true, 1, STAYS)).idempotencyKey).not.toBe(left.idempotencyKey);
    try {
      await until('another cancels', () => cancelled.includes(job));
      await until('it is forgotten', async () => !(await isNoted(left.idempotencyKey)));
    } finally {
      die();
    }
  });

  it('that was given up while its router stood still has its jobs cancelled when its client has gone', async () => {
    const here = router();
    const [forgotten, taken] = [request(), request()];
    const lost = await here.hold(forgotten, false, 1, STAYS);
    const left = await here.hold(taken, false, 1, STAYS);
    await postgres.database.query('DELETE FROM unkeyed_requests WHERE idempotency_key = $1', [
      lost.idempotencyKey,
    ]);
    // The control: somebody else waits for this one now.
    await left.release();
    expect((await router().hold(taken, true, 1, STAYS)).idempotencyKey).toBe(left.idempotencyKey);
    const orphan = await aJob(forgotten.tenant, lost.idempotencyKey);
    const waitedFor = await aJob(taken.tenant, left.idempotencyKey);
    await lost.release();
    await left.release();
    expect(cancelled).toContain(orphan);
    expect(cancelled).not.toContain(waitedFor);
  });

  it('whose jobs could not be cancelled, or have ended, is tried again or forgotten', async () => {
    const wanted = request();
    let tries = 0;
    const here = router({ returnMs: 50, leaseMs: 100 }, () => {
      tries += 1;
      return Promise.reject(
        tries < 3 ? new Error('the database is away') : new ProblemError('JOB_FINISHED', 'it is completed'),
      );
    });
    const left = await here.hold(wanted, false, 1, STAYS);
    await aJob(wanted.tenant, left.idempotencyKey);
    await left.release();
    await until('it is forgotten', async () => !(await isNoted(left.idempotencyKey)));
    expect(tries).toBe(3);
  });
});
