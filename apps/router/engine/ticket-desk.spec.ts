import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Outcome } from '#contracts';
import { HOLDER_SILENCE_MS } from '#domain';
import { createLogger, Metrics } from '#observability';
import {
  LOCK_TRIALS,
  admitJobs,
  lockSettlingJobs,
  markStarted,
  returnTicket,
  settleJobs,
} from '#persistence';
import { neverSilent, startTestDatabase, type TestDatabase } from '#testing';
import type { ReceivedOutcome } from './record-outcomes.js';
import { settle, type SettlementPolicy } from './settlement.js';
import { TicketDesk } from './ticket-desk.js';

const POLICY: SettlementPolicy = {
  retries: { maxAttempts: 100, backoffMs: 1, backoffMaxMs: 1 },
  breaker: { failures: 2, openMs: 2000, openMaxMs: 60_000 },
};

describe('who has worked on a ticket that came back', () => {
  let postgres: TestDatabase;
  let desk: TicketDesk;
  let listeningMs: number;
  /** Whose sign of life is not written down yet. */
  let heard: string | undefined;
  const received: ReceivedOutcome[] = [];
  const begun = [{ id: randomUUID(), endpoint_id: 'US-m' }];

  beforeAll(async () => {
    postgres = await startTestDatabase();
    desk = new TicketDesk(
      postgres.database,
      { spec: () => undefined, listeningMs: () => listeningMs },
      {
        receive: (outcome) => void received.push(outcome),
        hasUnwritten: (_jobId, _epoch, besides) => heard !== undefined && heard !== besides,
      },
      {
        get: async () => {
          const { rows } = await postgres.database.query<{ isFree: boolean }>(
            `SELECT pg_try_advisory_xact_lock(${LOCK_TRIALS}, hashtext('US')) AS "isFree"`,
          );
          expect(rows).toEqual([{ isFree: true }]);
          return { revision: 1, attempt: { v: 1, calls: begun } };
        },
      },
      new Metrics('router'),
      createLogger('router', 'silent'),
      2,
    );
  });
  afterAll(() => postgres.close());
  beforeEach(async () => {
    // Those of another test would go first.
    await postgres.database.query('DELETE FROM slots');
    received.length = 0;
    listeningMs = Infinity;
    heard = undefined;
  });

  const aJob = async (): Promise<string> => {
    const id = randomUUID();
    await postgres.database.query(
      `INSERT INTO jobs (id, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                         timeout_ms, request, not_before)
       VALUES ($1, 'queued', 'm', 'US', 'any', 'normal', 'any', 1, 100, 1000, '{}', '-infinity')`,
      [id],
    );
    return id;
  };
  /** @returns attempt and epoch of its ticket */
  const admit = async (jobId: string) => {
    const [ticket] = await admitJobs(
      postgres.database,
      [{ jobId, endpointId: 'US-m', region: 'US', staged: false }],
      1000,
    );
    return ticket!;
  };
  const take = (jobId: string, epoch: number, dispatcher: string) =>
    desk.check({ job_id: jobId, epoch, redelivered_to: dispatcher });
  const begin = async (jobId: string, epoch: number, dispatcher: string): Promise<void> => {
    await markStarted(postgres.database, [
      { job_id: jobId, epoch, dispatcher_id: dispatcher, running_ms: 0 },
    ]);
  };
  const fail = (jobId: string, attempt: number, epoch: number): Promise<void> =>
    postgres.database.transaction(async (client) => {
      const outcome: Outcome = {
        ...{ v: 1, job_id: jobId, attempt, epoch, endpoint_id: 'US-m', region: 'US', duration_ms: 1 },
        reattached: false,
        result: { kind: 'failed', code: 'UPSTREAM_ERROR', detail: 'no' },
      };
      const job = (await lockSettlingJobs(client, [jobId])).get(jobId);
      const settled = settle(outcome, job, [], POLICY, Date.now(), 0)!;
      expect(settled.to).toBe('retrying');
      await settleJobs(client, [settled.settlement]);
    });

  it('is held against an attempt alone: those who reported failures of earlier ones are not gone', async () => {
    const jobId = await aJob();
    for (const taker of ['d-1', 'd0']) {
      const { epoch } = await admit(jobId);
      expect(await take(jobId, epoch, taker)).toMatchObject({ may_begin: true });
      expect(await returnTicket(postgres.database, jobId, epoch, { givenBackBy: null })).toBe(true);
    }
    // From now on no ticket's epoch is its attempt, so that each of its holders asks.
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const ticket = await admit(jobId);
      expect(ticket).toMatchObject({ attempt, epoch: attempt + 2 });
      const holder = `d${attempt}`;
      expect(await take(jobId, ticket.epoch, holder)).toMatchObject({ wanted: true, may_begin: true });
      await begin(jobId, ticket.epoch, holder);
      await fail(jobId, attempt, ticket.epoch);
    }
    expect(received).toEqual([]);
  });

  it.each([
    ['a ticket that waited', undefined],
    ['one that came back', 'd1'],
  ])('and who is told to begin %s has it: it is not taken back any more', async (_, dispatcher) => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    const lease = (until: string) =>
      postgres.database.query('UPDATE slots SET lease_until = $2 WHERE job_id = $1', [jobId, until]);
    const ask = () => desk.check({ job_id: jobId, epoch, redelivered_to: dispatcher });
    const returned = () => returnTicket(postgres.database, jobId, epoch, 'nobody');
    await lease('-infinity');
    expect(await ask()).toMatchObject({ may_begin: true });
    const { rows } = await postgres.database.query<{ isLeased: boolean }>(
      'SELECT isfinite(lease_until) AS "isLeased" FROM slots WHERE job_id = $1',
      [jobId],
    );
    expect(rows).toEqual([{ isLeased: true }]);
    // However slowly this goes on.
    await lease('infinity');
    expect(await returned()).toBe(false);
    await lease('-infinity');
    expect(await returned()).toBe(true);
    expect(await ask()).toMatchObject({ wanted: false, may_begin: false });
  });

  /** NATS was killed, and gives the ticket out again. */
  const takeUnsure = (jobId: string, epoch: number, dispatcher: string) =>
    desk.check({
      job_id: jobId,
      epoch,
      dispatcher_id: dispatcher,
      redelivered_to: dispatcher,
      may_be_held: true,
      attempt: 1,
    });
  /** Of whoever has the ticket. */
  const silent = (jobId: string) =>
    postgres.database.query(
      `UPDATE slots SET seen_at = clock_timestamp() - interval '${HOLDER_SILENCE_MS} milliseconds' WHERE job_id = $1`,
      [jobId],
    );
  /** However slowly the spec goes on. */
  const stillHeard = (jobId: string) =>
    postgres.database.query(`UPDATE slots SET seen_at = seen_at + interval '1 hour' WHERE job_id = $1`, [
      jobId,
    ]);

  it('does not lose it to another while it is heard, whatever NATS gives out', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    await begin(jobId, epoch, 'd1');
    await stillHeard(jobId);
    expect(await takeUnsure(jobId, epoch, 'd2')).toEqual({ wanted: true, ended: false, may_begin: false });
    expect(await takeUnsure(jobId, epoch, 'd1')).toMatchObject({ may_begin: true });
    await silent(jobId);
    expect(await takeUnsure(jobId, epoch, 'd2')).toMatchObject({ may_begin: true });
    expect(received).toEqual([]);
  });

  it('is left to tell of its end, also where the job is over', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    await begin(jobId, epoch, 'd1');
    await stillHeard(jobId);
    await postgres.database.query(`UPDATE jobs SET state = 'cancelling' WHERE id = $1`, [jobId]);
    expect(await takeUnsure(jobId, epoch, 'd2')).toEqual({ wanted: true, ended: false, may_begin: false });
    await silent(jobId);
    expect(await takeUnsure(jobId, epoch, 'd2')).toMatchObject({ ended: true });
  });

  it('is heard while no call is in flight, and does not take the ticket from another by that', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    const sign = (dispatcher: string) =>
      markStarted(postgres.database, [{ job_id: jobId, epoch, dispatcher_id: dispatcher, running_ms: null }]);
    expect(await sign('d1')).toEqual([]);
    await sign('d2');
    const { rows } = await postgres.database.query(
      `SELECT holder, state, slots.started_at FROM slots JOIN jobs ON jobs.id = slots.job_id WHERE job_id = $1`,
      [jobId],
    );
    expect(rows).toEqual([{ holder: 'd1', state: 'dispatched', started_at: null }]);
    await stillHeard(jobId);
    expect(await takeUnsure(jobId, epoch, 'd2')).toMatchObject({ may_begin: false });
  });

  it('has nothing to tell of where a newer ticket was issued', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    await returnTicket(postgres.database, jobId, epoch, { givenBackBy: null });
    const gone = { wanted: false, ended: false, may_begin: false };
    expect(await takeUnsure(jobId, epoch, 'd1')).toEqual(gone);
    await admit(jobId);
    expect(await takeUnsure(jobId, epoch, 'd1')).toEqual({ ...gone, superseded: true });
    // Nobody else reads what was noted of an earlier attempt.
    await postgres.database.query('UPDATE slots SET attempt = 2 WHERE job_id = $1', [jobId]);
    expect(await takeUnsure(jobId, epoch, 'd1')).toEqual(gone);
  });

  it('is not counted among the lost', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    for (const dispatcher of ['d1', 'd2', 'd3']) {
      await begin(jobId, epoch, dispatcher);
      await stillHeard(jobId);
      expect(await takeUnsure(jobId, epoch, 'another')).toMatchObject({ wanted: true, may_begin: false });
    }
    expect(received).toEqual([]);
  });

  it('keeps it where another gives it back, which was given it besides', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    expect(await desk.check({ job_id: jobId, epoch, dispatcher_id: 'd1' })).toMatchObject({
      may_begin: true,
    });
    await stillHeard(jobId);
    const giveBack = (givenBackBy: string) => returnTicket(postgres.database, jobId, epoch, { givenBackBy });
    expect(await giveBack('d2')).toBe(false);
    expect(await giveBack('d1')).toBe(true);
  });

  it('gives it up at once where NATS knows that it did', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    await begin(jobId, epoch, 'd1');
    await stillHeard(jobId);
    expect(await take(jobId, epoch, 'd2')).toMatchObject({ may_begin: true });
  });

  it('is found out by listening first, unless the ticket was issued while the router listened', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    listeningMs = 0;
    expect(await takeUnsure(jobId, epoch, 'd2')).toEqual({ wanted: true, ended: false, may_begin: false });
    listeningMs = HOLDER_SILENCE_MS;
    expect(await takeUnsure(jobId, epoch, 'd2')).toMatchObject({ may_begin: true });
  });

  it('is heard as soon as its sign has come, though that is not written down yet', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    heard = 'd1';
    expect(await takeUnsure(jobId, epoch, 'd2')).toEqual({ wanted: true, ended: false, may_begin: false });
    expect(await takeUnsure(jobId, epoch, 'd1')).toMatchObject({ may_begin: true });
  });

  it('is one of those who ask for it at once', async () => {
    const jobId = await aJob();
    const { epoch } = await admit(jobId);
    const waited = (dispatcher: string) => desk.check({ job_id: jobId, epoch, dispatcher_id: dispatcher });
    const isOver = await neverSilent(postgres.database);
    try {
      const replies = await Promise.all([
        waited('d1'),
        takeUnsure(jobId, epoch, 'd2'),
        takeUnsure(jobId, epoch, 'd3'),
      ]);
      expect(replies.filter(({ may_begin: mayBegin }) => mayBegin)).toHaveLength(1);
    } finally {
      await isOver();
    }
  });

  it('leads to a verdict that names the calls that were begun, once no transaction is open', async () => {
    const jobId = await aJob();
    const { attempt, epoch } = await admit(jobId);
    await begin(jobId, epoch, 'd1');
    expect(await take(jobId, epoch, 'd2')).toMatchObject({ may_begin: true });
    await begin(jobId, epoch, 'd2');
    // Word of the ticket's end is the verdict's: until that is recorded its asker is to wait.
    expect(await take(jobId, epoch, 'd3')).toEqual({ wanted: true, ended: false, may_begin: false });
    expect(received).toMatchObject([
      {
        outcome: {
          ...{ job_id: jobId, attempt, epoch, calls: { id: null, earlier: begun } },
          result: { kind: 'failed', code: 'POISON_SUSPECTED' },
        },
      },
    ]);
  });
});
