import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { cellKey, mulberry32, runKeyPrefix } from '#domain';
import { createLogger, Metrics } from '#observability';
import {
  appendRunEvents,
  findRun,
  insertRun,
  lockRun,
  readResults,
  readRunEvents,
  recordGateDecision,
  requestEnding,
  setRunStatus,
  type CellResult,
  type Database,
} from '#persistence';
import { StubRouter, aRun, startTestDatabase, until, type RunShape, type TestDatabase } from '#testing';
import type { Hints } from './hints.js';
import { RouterClient, RouterUnavailableError, type JobRouter } from './router-client.js';
import { RunSupervisor } from './run-supervisor.js';

const logger = createLogger('test', 'fatal');
const FAST_RETRY = { maxCellAttempts: 3, backoffMs: 20, backoffMaxMs: 100 };

class LocalHints implements Hints {
  ended: (jobId: string) => void = () => undefined;
  requested: (runId: string) => void = () => undefined;
  readonly announced: string[] = [];
  onJobEnded(handle: (jobId: string) => void): void {
    this.ended = handle;
  }
  onRunRequest(handle: (runId: string) => void): void {
    this.requested = handle;
  }
  announce(runId: string): void {
    this.announced.push(runId);
  }
}

let postgres: TestDatabase;
let database: Database;
let stub: StubRouter;
let supervisors: RunSupervisor[] = [];

beforeAll(async () => {
  postgres = await startTestDatabase();
  ({ database } = postgres);
});
afterAll(() => postgres.close());
beforeEach(async () => {
  stub = await StubRouter.start();
});
afterEach(async () => {
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  supervisors = [];
  await stub.close();
  await database.query(`UPDATE runs SET status = 'cancelled', finished_at = now() WHERE finished_at IS NULL`);
});

interface Started {
  readonly supervisor: RunSupervisor;
  readonly hints: LocalHints;
}

function startRunner(options: { router?: JobRouter; database?: Database; tickMs?: number } = {}): Started {
  const hints = new LocalHints();
  const supervisor = new RunSupervisor({
    database: options.database ?? database,
    router: options.router ?? new RouterClient({ baseUrl: stub.url, tries: 2 }),
    hints,
    logger,
    metrics: new Metrics('test'),
    tickMs: options.tickMs ?? 50,
    retryPolicy: FAST_RETRY,
  });
  supervisors.push(supervisor);
  supervisor.start();
  return { supervisor, hints };
}

async function start(shape: RunShape): Promise<string> {
  const run = aRun(shape);
  await insertRun(database, run);
  return run.id;
}

async function untilStatus(runId: string, status: string, deadlineMs?: number): Promise<void> {
  await until(
    `the run is ${status}`,
    async () => (await findRun(database, runId))?.status === status,
    deadlineMs,
  );
}

async function results(runId: string): Promise<CellResult[]> {
  const cells: CellResult[] = [];
  for await (const batch of readResults(database, runId, 100)) cells.push(...batch);
  return cells;
}

async function eventTypes(runId: string): Promise<string[]> {
  return (await readRunEvents(database, runId, '0', 10_000)).map(({ type }) => type);
}

async function decide(runId: string, gateId: string, decision: 'approved' | 'rejected'): Promise<void> {
  await database.transaction(async (client) => {
    await lockRun(client, runId);
    await recordGateDecision(client, runId, gateId, decision);
    if (decision === 'rejected') await requestEnding(client, runId, 'rejected');
    else await setRunStatus(client, runId, 'running');
    await appendRunEvents(client, runId, [{ type: 'gate.decided', data: {} }]);
  });
}

describe('a run', () => {
  it('of many repeats has no more cells of a pair in the router’s hands than keep its endpoints busy', async () => {
    const inFlightMax = [2, 6];
    const most = new Map<string, number>();
    stub.verdict = () => {
      for (const region of ['US', 'EU']) {
        const count = stub.inFlight.filter((job) => job.region === region).length;
        most.set(region, Math.max(most.get(region) ?? 0, count));
      }
      return { kind: 'complete' };
    };
    const runId = await start({ questions: 2, repeats: 20, order: 'question', inFlightMax });
    const { hints } = startRunner();
    stub.onEnded = (jobId) => hints.ended(jobId);
    await untilStatus(runId, 'completed');
    expect(await results(runId)).toHaveLength(80);
    expect(stub.submissions).toBe(80);
    // What it asks for at once, before anything is answered; and that it never goes beyond.
    const first = stub.order.slice(0, 8).map(({ region }) => region);
    expect(first.sort()).toEqual([...Array<string>(6).fill('EU'), 'US', 'US']);
    expect(most.get('US')).toBeLessThanOrEqual(2);
    expect(most.get('EU')).toBeLessThanOrEqual(6);
  });

  it('gets one accepted answer per cell, keeps the order of questions, and has one cell per pair in flight', async () => {
    let mostInFlight = 0;
    stub.verdict = (job) => {
      const ofPair = stub.inFlight.filter(
        ({ model, region }) => model === job.model && region === job.region,
      );
      mostInFlight = Math.max(mostInFlight, ofPair.length);
      return { kind: 'complete' };
    };
    const runId = await start({ questions: 8, models: ['m1', 'm2', 'm3'], regions: ['US', 'EU', 'ASIA'] });
    const { hints } = startRunner({ tickMs: 60_000 });
    stub.onEnded = (jobId) => hints.ended(jobId);
    await untilStatus(runId, 'completed');

    const cells = await results(runId);
    expect(cells).toHaveLength(72);
    expect(
      cells.every(({ state, answeredRegion, region }) => state === 'accepted' && answeredRegion === region),
    ).toBe(true);
    expect(cells[0]).toMatchObject({
      answer: `answer to ${cellKey(runId, 1, 1)}`,
      endpointId: 'US-m1',
      attempts: 1,
      tokensGenerated: 7,
    });
    expect(stub.submissions).toBe(72);
    expect(mostInFlight).toBe(1);
    for (const region of ['US', 'EU', 'ASIA']) {
      const asked = stub.order
        .filter((job) => job.region === region && job.model === 'm2')
        .map(({ questionId }) => questionId);
      expect(asked).toEqual(['q1', 'q2', 'q3', 'q4', 'q5', 'q6', 'q7', 'q8']);
    }
    const types = await eventTypes(runId);
    expect(types[0]).toBe('run.started');
    expect(types.at(-1)).toBe('run.finished');
    expect(types.filter((type) => type === 'cell.submitted')).toHaveLength(72);
    expect(types.filter((type) => type === 'cell.accepted')).toHaveLength(72);
    expect(types.filter((type) => type === 'question.completed')).toHaveLength(8);
    expect(hints.announced).toContain(runId);
  });

  it('finishes each question everywhere before the next in order "question", repeats at once', async () => {
    const runId = await start({ questions: 3, repeats: 4, order: 'question' });
    const { hints } = startRunner();
    stub.onEnded = (jobId) => hints.ended(jobId);
    await untilStatus(runId, 'completed');
    const asked = stub.order.map(({ questionId }) => questionId);
    expect(asked).toEqual([...asked].sort());
    expect(asked).toHaveLength(24);
  });

  it('finishes a region before the next in order "region"', async () => {
    const runId = await start({ questions: 3, models: ['m1', 'm2'], order: 'region' });
    const { hints } = startRunner();
    stub.onEnded = (jobId) => hints.ended(jobId);
    await untilStatus(runId, 'completed');
    expect(stub.order.map(({ region }) => region)).toEqual([
      ...Array<string>(6).fill('US'),
      ...Array<string>(6).fill('EU'),
    ]);
  });

  it('goes on by polling when no word of ended jobs arrives', async () => {
    const runId = await start({ questions: 3 });
    startRunner();
    await untilStatus(runId, 'completed');
    expect(await results(runId)).toHaveLength(6);
  });

  it('starts when a client asks for it, and submits each cell on word of the last, without a look of its own', async () => {
    const { hints } = startRunner({ tickMs: 3_600_000 });
    stub.onEnded = (jobId) => hints.ended(jobId);
    const runId = await start({ questions: 40, regions: ['US'] });
    hints.requested(runId);
    await untilStatus(runId, 'completed');
    expect(stub.submissions).toBe(40);
  });

  it("sends a region's system prompt as a message of its own", async () => {
    const runId = await start({ questions: 1, systemPrompts: { EU: 'Answer in French.' } });
    startRunner();
    await untilStatus(runId, 'completed');
    const bodyIn = (name: string): unknown => stub.order.find(({ region }) => region === name)?.body;
    expect(bodyIn('US')).toMatchObject({
      prompt: 'question 1',
      region_preference: 'US',
      region_policy: 'pin',
      max_tokens: 64,
    });
    expect(bodyIn('EU')).toMatchObject({
      messages: [
        { role: 'system', content: 'Answer in French.' },
        { role: 'user', content: 'question 1' },
      ],
      metadata: { run_id: runId, question_id: 'q1', cell_no: 2, repeat: 1 },
    });
  });
});

describe('a cell whose job fails', () => {
  it('gets another job under a new key when the code is retryable', async () => {
    stub.verdict = (job) =>
      job.key.endsWith(':1:1') ? { kind: 'fail', code: 'EXECUTION_TIMEOUT' } : { kind: 'complete' };
    const runId = await start({ questions: 1 });
    startRunner();
    await untilStatus(runId, 'completed');
    expect(stub.order.map(({ key }) => key).sort()).toEqual([
      cellKey(runId, 1, 1),
      cellKey(runId, 1, 2),
      cellKey(runId, 2, 1),
    ]);
    expect((await results(runId))[0]).toMatchObject({ state: 'accepted', attempts: 2, errorCode: null });
  });

  it('is given up after three jobs, and the run says so', async () => {
    stub.verdict = ({ region }) =>
      region === 'EU' ? { kind: 'fail', code: 'UPSTREAM_ERROR' } : { kind: 'complete' };
    const runId = await start({ questions: 1 });
    startRunner();
    await untilStatus(runId, 'completed_with_failures');
    expect(stub.order).toHaveLength(4);
    expect((await results(runId))[1]).toMatchObject({
      state: 'failed',
      attempts: 3,
      errorCode: 'UPSTREAM_ERROR',
      answer: null,
    });
  });

  it('is given up at once when no other job could do better, and a run with no answer failed', async () => {
    stub.verdict = () => ({ kind: 'fail', code: 'MODEL_ERROR' });
    const runId = await start({ questions: 1 });
    startRunner();
    await untilStatus(runId, 'failed');
    expect(stub.order).toHaveLength(2);
  });

  it('is given up when the router refuses the job', async () => {
    stub.intercept = (method) =>
      method === 'POST'
        ? {
            status: 400,
            body: { type: 't', title: 't', status: 400, detail: 'd', code: 'MODEL_NOT_IN_REGION' },
          }
        : undefined;
    const runId = await start({ questions: 1 });
    startRunner();
    await untilStatus(runId, 'failed');
    expect((await results(runId)).map(({ errorCode }) => errorCode)).toEqual([
      'MODEL_NOT_IN_REGION',
      'MODEL_NOT_IN_REGION',
    ]);
  });

  it('waits while the router is away', async () => {
    let away = 6;
    stub.intercept = () => (away-- > 0 ? { status: 503, body: 'restarting' } : undefined);
    const runId = await start({ questions: 2 });
    startRunner();
    await untilStatus(runId, 'completed');
    expect(stub.order).toHaveLength(4);
  });
});

describe('an answer from another region', () => {
  it('is never stored in a pinned cell', async () => {
    stub.verdict = ({ key }) =>
      key.endsWith(':1') ? { kind: 'complete', region: 'ASIA' } : { kind: 'complete' };
    const runId = await start({ questions: 1 });
    startRunner();
    await untilStatus(runId, 'completed');
    const cells = await results(runId);
    expect(cells.map(({ answeredRegion }) => answeredRegion)).toEqual(['US', 'EU']);
    expect(cells.every(({ answer }) => answer?.endsWith(':2') === true)).toBe(true);
  });

  it('is stored as a substitute where the policy lets it', async () => {
    stub.verdict = () => ({ kind: 'complete', region: 'EU' });
    const runId = await start({ questions: 1, policy: 'prefer' });
    startRunner();
    await untilStatus(runId, 'completed');
    expect((await results(runId)).map(({ region, substituted }) => [region, substituted])).toEqual([
      ['US', true],
      ['EU', false],
    ]);
  });
});

describe('a run that is to be cancelled', () => {
  it('cancels what is in flight, closes the rest, and keeps the answers it has', async () => {
    stub.verdict = ({ questionId }) => (questionId === 'q2' ? { kind: 'hold' } : { kind: 'complete' });
    const runId = await start({ questions: 4 });
    const { hints } = startRunner();
    stub.onEnded = (jobId) => hints.ended(jobId);
    await until(
      'two questions are submitted',
      async () => (await eventTypes(runId)).filter((type) => type === 'cell.submitted').length === 4,
    );
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await requestEnding(client, runId, 'cancelled');
    });
    hints.requested(runId);
    await untilStatus(runId, 'cancelled');
    expect(stub.cancelled).toHaveLength(2);
    expect((await results(runId)).map(({ state }) => state)).toEqual([
      ...[
        'accepted',
        'accepted',
        'cancelled',
        'cancelled',
        'cancelled',
        'cancelled',
        'cancelled',
        'cancelled',
      ],
    ]);
    expect(stub.order).toHaveLength(4);
  });

  it('ends as well when it never started', async () => {
    const runId = await start({ questions: 2 });
    await database.transaction((client) => requestEnding(client, runId, 'cancelled'));
    startRunner();
    await untilStatus(runId, 'cancelled');
    expect(stub.submissions).toBe(0);
  });
});

describe('a gate', () => {
  it('holds back every later question until it is approved, in a new process too', async () => {
    const runId = await start({ questions: 3, gatesAfter: [2] });
    const first = startRunner();
    await untilStatus(runId, 'awaiting_approval');
    expect(new Set(stub.order.map(({ questionId }) => questionId))).toEqual(new Set(['q1', 'q2']));
    // Nothing is held: not even the lock, which the decision could outlive by days.
    await until('no run is locked', async () => {
      const { rows } = await database.query<{ locks: number }>(
        `SELECT count(*)::integer AS locks FROM pg_locks WHERE locktype = 'advisory' AND classid = 7310003`,
      );
      return rows[0]?.locks === 0;
    });
    await first.supervisor.stop();
    await decide(runId, 'q2', 'approved');
    startRunner();
    await untilStatus(runId, 'completed');
    expect(stub.order).toHaveLength(6);
    expect((await eventTypes(runId)).filter((type) => type.startsWith('gate.'))).toEqual([
      'gate.waiting',
      'gate.decided',
    ]);
  });

  it('is passed without stopping when it was approved before it was reached', async () => {
    const runId = await start({ questions: 2, gatesAfter: [1] });
    await database.transaction(async (client) => recordGateDecision(client, runId, 'q1', 'approved'));
    startRunner();
    await untilStatus(runId, 'completed');
    expect(await eventTypes(runId)).not.toContain('gate.waiting');
  });

  it('ends the run when it is rejected', async () => {
    const runId = await start({ questions: 2, gatesAfter: [1] });
    startRunner();
    await untilStatus(runId, 'awaiting_approval');
    await decide(runId, 'q1', 'rejected');
    await untilStatus(runId, 'rejected');
    expect(stub.order).toHaveLength(2);
  });

  it('ends the run when nobody decides in time', async () => {
    const runId = await start({ questions: 2, gatesAfter: [1], gateExpiresInS: 3600 });
    const first = startRunner();
    await untilStatus(runId, 'awaiting_approval');
    await first.supervisor.stop();
    await database.query(`UPDATE gates SET expires_at = now() - interval '1 second' WHERE run_id = $1`, [
      runId,
    ]);
    startRunner();
    await untilStatus(runId, 'expired');
  });

  it('asks for a word after the last question, too', async () => {
    const runId = await start({ questions: 1, gatesAfter: [1] });
    startRunner();
    await untilStatus(runId, 'awaiting_approval');
    await decide(runId, 'q1', 'approved');
    await untilStatus(runId, 'completed');
  });
});

describe('several runners', () => {
  it('share runs without doing anything twice', async () => {
    const other = await postgres.open('other-runner');
    const runIds = await Promise.all(Array.from({ length: 6 }, () => start({ questions: 5 })));
    const all = [startRunner(), startRunner({ database: other })];
    stub.onEnded = (jobId) => all.forEach(({ hints }) => hints.ended(jobId));
    for (const runId of runIds) await untilStatus(runId, 'completed');
    expect(stub.submissions).toBe(60);
    for (const runId of runIds) {
      expect((await eventTypes(runId)).filter((type) => type === 'cell.accepted')).toHaveLength(10);
    }
  });
});

describe('a runner that loses its locks', () => {
  it('ends only when the steps have ended that were being taken then', async () => {
    const own = await postgres.open('locks-lost');
    const router = new RouterClient({ baseUrl: stub.url, tries: 1 });
    let [asked, answer]: [number, () => void] = [0, () => undefined];
    const { supervisor } = startRunner({
      database: own,
      router: {
        submit: async (...given) => {
          asked += 1;
          // Of the one that is dropped; the next goes on.
          if (asked === 1) await new Promise<void>((resolve) => (answer = resolve));
          return router.submit(...given);
        },
        status: (jobId) => router.status(jobId),
        cancel: (jobId) => router.cancel(jobId),
      },
    });
    await start({ questions: 1, regions: ['US'] });
    await until('a job is being made', () => asked > 0);
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locks-lost'`,
    );
    await until('the run is driven anew', () => asked > 1);
    let ended = false;
    const stopped = supervisor.stop().then(() => (ended = true));
    // Meanwhile another one does all of its work, and stops: it has nothing to wait for.
    const other = startRunner().supervisor;
    await untilStatus(await start({ questions: 3 }), 'completed');
    await other.stop();
    expect(ended).toBe(false);
    answer();
    await stopped;
  });

  it('keeps those it has taken anew where a step from before ends the run', async () => {
    const own = await postgres.open('locks-kept');
    const router = new RouterClient({ baseUrl: stub.url, tries: 1 });
    const answers: (() => void)[] = [];
    const { hints } = startRunner({
      database: own,
      router: {
        submit: (...given) => router.submit(...given),
        status: async (jobId) => {
          // Of the step that is dropped, and of the one that follows it; all others go on.
          if (answers.length < 2) await new Promise<void>((resolve) => answers.push(resolve));
          return router.status(jobId);
        },
        cancel: (jobId) => router.cancel(jobId),
      },
    });
    const isLocked = async (runId: string): Promise<boolean> => {
      const { rows } = await database.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7310003
            AND objid::bigint = hashtext($1)::bigint & 4294967295`,
        [runId],
      );
      return rows.length > 0;
    };
    const runId = await start({ questions: 1, regions: ['US'] });
    await until('its job is asked for', () => answers.length === 1);
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locks-kept'`,
    );
    await until('the run is driven anew', () => answers.length === 2);
    hints.announced.length = 0;
    answers[0]!();
    await until('the first step has told of its end', () => hints.announced.includes(runId));
    expect((await findRun(database, runId))?.status).toBe('completed');
    // Its lock is asked for after anything that the first step may have given free.
    await untilStatus(await start({ questions: 1, regions: ['US'] }), 'completed');
    expect(await isLocked(runId)).toBe(true);
    answers[1]!();
    await until('the run is let go', async () => !(await isLocked(runId)));
  });
});

describe('a runner that is killed', () => {
  /** Passes requests on until its process "dies": before a request reaches the router, or before its answer is read. */
  function mortal(router: JobRouter, lifetime: number, onDeath: () => Promise<void>): JobRouter {
    let left = lifetime;
    const call = async <T>(work: () => Promise<T>): Promise<T> => {
      left -= 1;
      const dead = left <= 0;
      const answer = dead && left % 2 === 0 ? undefined : await work();
      if (!dead) return answer as T;
      if (left >= -1) await onDeath();
      throw new RouterUnavailableError('this process is dead');
    };
    return {
      submit: (key, job, run) => call(() => router.submit(key, job, run)),
      status: (jobId) => call(() => router.status(jobId)),
      cancel: (jobId) => call(() => router.cancel(jobId)),
    };
  }

  it.each(Array.from({ length: 8 }, (_, index) => index + 1))(
    'leaves no cell without its one answer and makes no job twice (seed %d)',
    async (seed) => {
      const random = mulberry32(seed);
      stub.verdict = () =>
        random() < 0.1 ? { kind: 'fail', code: 'CONNECTION_LOST' } : { kind: 'complete' };
      const order = (['pipeline', 'question', 'region'] as const)[seed % 3]!;
      const runId = await start({ questions: 6, repeats: 2, models: ['m1', 'm2'], order });
      let lives = 0;
      let current: Started | undefined;
      stub.onEnded = (jobId) => {
        // Word of mouth is duplicated, and lost at times.
        if (random() < 0.7) current?.hints.ended(jobId);
        if (random() < 0.3) current?.hints.ended(jobId);
      };
      while ((await findRun(database, runId))?.finishedAt === null) {
        lives += 1;
        const applicationName = `mortal-${seed}-${lives}`;
        const own = await postgres.open(applicationName);
        let die: () => void = () => undefined;
        const died = new Promise<void>((resolve) => (die = resolve));
        const client = new RouterClient({ baseUrl: stub.url, tries: 1 });
        current = startRunner({
          database: own,
          router: mortal(client, lives > 40 ? Infinity : 2 + Math.floor(random() * 12), async () => {
            // What a kill does to its connections: cut, whatever was going on.
            await database.query(
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`,
              [applicationName],
            );
            die();
          }),
        });
        const finished = until('the run ends', async () => (await findRun(database, runId))?.finishedAt);
        await Promise.race([died, finished]);
        finished.catch(() => undefined);
        await current.supervisor.stop();
      }
      expect(lives).toBeGreaterThan(1);
      const cells = await results(runId);
      expect(cells).toHaveLength(48);
      for (const { state, answer, cellNo } of cells) {
        expect(['accepted', 'failed']).toContain(state);
        if (state === 'accepted') expect(answer).toContain(`${runKeyPrefix(runId)}${cellNo}:`);
      }
      // A key made one job only, and no cell had two jobs that could both have been answered.
      const completed = stub.order
        .filter(({ status }) => status === 'completed')
        .map(({ key }) => key.split(':')[2]);
      expect(new Set(completed).size).toBe(completed.length);
      const types = await eventTypes(runId);
      expect(types.filter((type) => type === 'cell.accepted')).toHaveLength(completed.length);
      expect(types.filter((type) => type === 'run.finished')).toHaveLength(1);
    },
  );
});
