import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { cellKey, runKeyPrefix } from '#domain';
import { createLogger, Metrics } from '#observability';
import {
  findRun,
  insertRun,
  lockRun,
  markSubmitting,
  pauseRun,
  readResults,
  readRunEvents,
  readSkews,
  reopenRun,
  requestEnding,
  resumeRun,
  retryCells,
  startRun,
  type CellResult,
  type Database,
} from '#persistence';
import { StubRouter, aRun, startTestDatabase, until, type RunShape, type TestDatabase } from '#testing';
import type { Hints } from './hints.js';
import { RouterClient } from './router-client.js';
import { RunSupervisor } from './run-supervisor.js';

let postgres: TestDatabase;
let database: Database;
let stub: StubRouter;
let supervisors: RunSupervisor[] = [];
let ended: (jobId: string) => void = () => undefined;
let requested: (runId: string) => void = () => undefined;

beforeAll(async () => {
  postgres = await startTestDatabase();
  ({ database } = postgres);
});
afterAll(() => postgres.close());
beforeEach(async () => {
  stub = await StubRouter.start();
  stub.onEnded = (jobId) => ended(jobId);
});
afterEach(async () => {
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  supervisors = [];
  await stub.close();
  await database.query(`UPDATE runs SET status = 'cancelled', finished_at = now() WHERE finished_at IS NULL`);
});

function startRunner(): RunSupervisor {
  const hints: Hints = {
    onJobEnded: (handle) => void (ended = handle),
    onRunRequest: (handle) => void (requested = handle),
    announce: () => undefined,
  };
  const supervisor = new RunSupervisor({
    database,
    router: new RouterClient({ baseUrl: stub.url, tries: 2 }),
    hints,
    logger: createLogger('test', 'fatal'),
    metrics: new Metrics('test'),
    tickMs: 50,
    retryPolicy: { maxCellAttempts: 3, backoffMs: 20, backoffMaxMs: 100 },
  });
  supervisors.push(supervisor);
  supervisor.start();
  return supervisor;
}

async function start(shape: RunShape): Promise<string> {
  const run = aRun(shape);
  await insertRun(database, run);
  return run.id;
}

async function pause(runId: string): Promise<void> {
  await database.transaction(async (client) => {
    await lockRun(client, runId);
    await pauseRun(client, runId);
  });
  requested(runId);
}

async function resume(runId: string): Promise<void> {
  await database.transaction(async (client) => {
    await lockRun(client, runId);
    await resumeRun(client, runId, 'running');
  });
  requested(runId);
}

async function untilStatus(runId: string, status: string): Promise<void> {
  await until(`the run is ${status}`, async () => (await findRun(database, runId))?.status === status);
}

async function untilParked(runId: string): Promise<void> {
  await until('the run is parked', async () => {
    const { rows } = await database.query<{ parked: boolean }>('SELECT parked FROM runs WHERE id = $1', [
      runId,
    ]);
    return rows[0]?.parked === true;
  });
  // Nothing is held: not even the lock, which the pause could outlive by days.
  await until('no run is locked', async () => {
    const { rows } = await database.query<{ locks: number }>(
      `SELECT count(*)::integer AS locks FROM pg_locks WHERE locktype = 'advisory' AND classid = 7310003`,
    );
    return rows[0]?.locks === 0;
  });
}

async function results(runId: string): Promise<CellResult[]> {
  const cells: CellResult[] = [];
  for await (const batch of readResults(database, runId, 100)) cells.push(...batch);
  return cells;
}

const statesOf = async (runId: string): Promise<string[]> => (await results(runId)).map(({ state }) => state);

describe('a run that is paused', () => {
  it('submits nothing more, keeps what its calls in flight answer, and goes on in a new process', async () => {
    stub.verdict = ({ questionId }) => (questionId === 'q2' ? { kind: 'hold' } : { kind: 'complete' });
    const runId = await start({ questions: 4 });
    const first = startRunner();
    await until('the second question is asked', () => stub.inFlight.length === 2);
    await pause(runId);
    for (const job of stub.inFlight) stub.complete(job);
    await untilParked(runId);
    expect(await statesOf(runId)).toEqual([
      ...Array<string>(4).fill('accepted'),
      ...Array<string>(4).fill('pending'),
    ]);
    expect(stub.order).toHaveLength(4);
    await first.stop();

    startRunner();
    await until('another run is driven meanwhile', async () => {
      const other = await start({ questions: 1 });
      await untilStatus(other, 'completed');
      return true;
    });
    expect(stub.order.filter(({ key }) => key.includes(runId))).toHaveLength(4);
    await resume(runId);
    await untilStatus(runId, 'completed');
    expect(await statesOf(runId)).toEqual(Array<string>(8).fill('accepted'));
    expect(stub.order.filter(({ key }) => key.includes(runId))).toHaveLength(8);
  });

  it('is driven by a new process while its calls are in flight, so that their answers are kept', async () => {
    stub.verdict = () => ({ kind: 'hold' });
    const runId = await start({ questions: 2 });
    const first = startRunner();
    await until('the first question is asked', () => stub.inFlight.length === 2);
    await first.stop();
    await pause(runId);
    startRunner();
    for (const job of stub.inFlight) stub.complete(job);
    await untilParked(runId);
    expect(await statesOf(runId)).toEqual(['accepted', 'accepted', 'pending', 'pending']);
  });

  it('does not send what was marked and not sent when it was paused, and sends it after', async () => {
    const runId = await start({ questions: 1 });
    await database.transaction(async (client) => {
      await startRun(client, runId);
      await markSubmitting(client, runId, [1, 2]);
      await pauseRun(client, runId);
    });
    startRunner();
    await untilParked(runId);
    expect(stub.submissions).toBe(0);
    await resume(runId);
    await untilStatus(runId, 'completed');
    // Regions are asked side by side.
    expect(stub.order.map(({ key }) => key).sort()).toEqual([cellKey(runId, 1, 1), cellKey(runId, 2, 1)]);
  });

  it('puts a failed cell back without asking it again', async () => {
    stub.verdict = () => ({ kind: 'hold' });
    const runId = await start({ questions: 1, regions: ['US'] });
    startRunner();
    await until('it is asked', () => stub.inFlight.length === 1);
    await pause(runId);
    const [job] = stub.inFlight;
    stub.fail(job!, 'UPSTREAM_ERROR');
    await untilParked(runId);
    expect(await results(runId)).toMatchObject([{ state: 'pending', errorCode: 'UPSTREAM_ERROR' }]);
    expect(stub.order).toHaveLength(1);
  });

  it('stays paused when its last answer arrives, and ends once it is resumed', async () => {
    stub.verdict = () => ({ kind: 'hold' });
    const runId = await start({ questions: 1 });
    startRunner();
    await until('it is asked', () => stub.inFlight.length === 2);
    await pause(runId);
    for (const job of stub.inFlight) stub.complete(job);
    await untilParked(runId);
    expect((await findRun(database, runId))?.status).toBe('paused');
    await resume(runId);
    await untilStatus(runId, 'completed');
    const types = (await readRunEvents(database, runId, '0', 100)).map(({ type }) => type);
    expect(types.filter((type) => type === 'run.finished')).toHaveLength(1);
  });

  it('is cancelled like any other, marked cells included', async () => {
    stub.verdict = ({ questionId }) => (questionId === 'q1' ? { kind: 'hold' } : { kind: 'complete' });
    const runId = await start({ questions: 2 });
    startRunner();
    await until('it is asked', () => stub.inFlight.length === 2);
    await pause(runId);
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      // As a runner leaves it that dies between marking a cell and making its job.
      await markSubmitting(client, runId, [3]);
      await requestEnding(client, runId, 'cancelled');
    });
    requested(runId);
    await untilStatus(runId, 'cancelled');
    expect((await statesOf(runId)).filter((state) => state === 'pending' || state === 'submitted')).toEqual(
      [],
    );
    expect(stub.cancelled.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a run that is reopened', () => {
  async function retry(runId: string): Promise<void> {
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await reopenRun(client, runId, await retryCells(client, runId));
    });
    requested(runId);
  }

  it('gives each cell without an answer the tries of a new one, under new keys, and asks no other', async () => {
    stub.verdict = ({ region }) =>
      region === 'EU' ? { kind: 'fail', code: 'UPSTREAM_ERROR' } : { kind: 'complete' };
    const runId = await start({ questions: 1 });
    startRunner();
    await untilStatus(runId, 'completed_with_failures');
    await retry(runId);
    await untilStatus(runId, 'completed_with_failures');
    // Regions are asked side by side, a cell's tries one after the other.
    const keysIn = (region: string) =>
      stub.order.filter((job) => job.region === region).map(({ key }) => key);
    expect(keysIn('US')).toEqual([cellKey(runId, 1, 1)]);
    expect(keysIn('EU')).toEqual([1, 2, 3, 4, 5, 6].map((cellAttempt) => cellKey(runId, 2, cellAttempt)));
    stub.verdict = () => ({ kind: 'complete' });
    await retry(runId);
    await untilStatus(runId, 'completed');
    expect(stub.order).toHaveLength(8);
    expect(await results(runId)).toMatchObject([
      { state: 'accepted', attempts: 1 },
      { state: 'accepted', attempts: 7, errorCode: null },
    ]);
    const types = (await readRunEvents(database, runId, '0', 100)).map(({ type }) => type);
    expect(types.filter((type) => type === 'run.started')).toHaveLength(1);
    expect(types.filter((type) => type === 'run.finished')).toHaveLength(3);
    // A question that is asked again is completed again.
    expect(types.filter((type) => type === 'question.completed')).toHaveLength(3);
  });

  it('goes on after a cancellation, also with the cells that were never asked', async () => {
    stub.verdict = () => ({ kind: 'hold' });
    const runId = await start({ questions: 2 });
    startRunner();
    await until('it is asked', () => stub.inFlight.length === 2);
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await requestEnding(client, runId, 'cancelled');
    });
    requested(runId);
    await untilStatus(runId, 'cancelled');
    stub.verdict = () => ({ kind: 'complete' });
    await retry(runId);
    await untilStatus(runId, 'completed');
    expect(stub.order.map(({ key }) => key).sort()).toEqual(
      ['1:1', '1:2', '2:1', '2:2', '3:1', '4:1'].map((name) => `${runKeyPrefix(runId)}${name}`),
    );
  });
});

describe('a run whose regions are kept together', () => {
  async function together(shape: RunShape): Promise<string> {
    const run = aRun(shape);
    await insertRun(database, { ...run, spec: { ...run.spec, max_skew_s: 5 } });
    return run.id;
  }

  it.each([true, false])('has none ask a question before all of them are there: %s', async (isKept) => {
    stub.verdict = ({ region }) => (region === 'EU' ? { kind: 'hold' } : { kind: 'complete' });
    const shape = { questions: 3, regions: ['US', 'EU'] };
    const runId = isKept ? await together(shape) : await start(shape);
    startRunner();
    // The control: on their own, a fast region goes ahead of a slow one.
    const ahead = isKept ? ['q1'] : ['q1', 'q2', 'q3'];
    const asked = (region: string) =>
      stub.order.filter((job) => job.region === region).map(({ questionId }) => questionId);
    for (const question of ['q1', 'q2', 'q3']) {
      await until(`EU is asked ${question}`, () => asked('EU').includes(question));
      await until(
        'US is done',
        async () => (await results(runId)).filter(({ state }) => state === 'accepted').length >= ahead.length,
      );
      if (question === 'q1') expect(asked('US')).toEqual(ahead);
      for (const job of stub.inFlight) stub.complete(job);
    }
    await untilStatus(runId, 'completed');
  });

  it('is measured from when its calls began, however long they waited for a GPU', async () => {
    const startMs = Date.UTC(2026, 10, 1);
    stub.verdict = (job) => {
      const waitedMin = job.region === 'EU' && job.questionId === 'q1' ? 25 : 0;
      job.startedAt = new Date(startMs + waitedMin * 60_000);
      return { kind: 'complete' };
    };
    const runId = await together({ questions: 2, regions: ['US', 'EU'] });
    startRunner();
    await untilStatus(runId, 'completed');
    expect([...(await readSkews(database, runId))]).toEqual([
      [1, 1500],
      [2, 0],
    ]);
    const began = (await results(runId)).map(({ askedAt }) => (askedAt!.getTime() - startMs) / 1000);
    expect(began).toEqual([0, 1500, 0, 0]);
  });

  it('is measured by the call that gave the answer, not by one that failed before', async () => {
    const startMs = Date.UTC(2026, 10, 1);
    stub.verdict = (job) => {
      job.startedAt = new Date(startMs + (job.key.endsWith(':2:2') ? 40_000 : 0));
      return job.key.endsWith(':2:1') ? { kind: 'fail', code: 'UPSTREAM_ERROR' } : { kind: 'complete' };
    };
    const runId = await together({ questions: 2, regions: ['US', 'EU'] });
    startRunner();
    await untilStatus(runId, 'completed');
    expect([...(await readSkews(database, runId))]).toEqual([
      [1, 40],
      [2, 0],
    ]);
  });
});
