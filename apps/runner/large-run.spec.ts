import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger, Metrics } from '#observability';
import {
  countCells,
  findRun,
  insertRun,
  lockRun,
  makeCells,
  pauseRun,
  readResults,
  readRunEvents,
  requestEnding,
  resumeRun,
  type CellResult,
  type Database,
} from '#persistence';
import { StubRouter, aRun, startTestDatabase, until, type TestDatabase } from '#testing';
import type { Hints } from './hints.js';
import { RouterClient } from './router-client.js';
import { RunSupervisor } from './run-supervisor.js';

const logger = createLogger('test', 'fatal');
const SHAPE = { questions: 35, repeats: 50, models: ['m1', 'm2'], order: 'question' } as const;
const CELLS = 7000;

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
  stub.verdict = () => ({ kind: 'hold' });
});
afterEach(async () => {
  await stopAll();
  await stub.close();
  await database.query(`UPDATE runs SET cells_made = NULL, status = 'cancelled', finished_at = now()
                         WHERE finished_at IS NULL`);
});

async function stopAll(): Promise<void> {
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  supervisors = [];
}

function startRunner(own: Database = database): RunSupervisor {
  const hints: Hints = {
    onJobEnded: () => undefined,
    onRunRequest: () => undefined,
    announce: () => undefined,
  };
  const supervisor = new RunSupervisor({
    ...{ database: own, router: new RouterClient({ baseUrl: stub.url, tries: 2 }), hints, logger },
    ...{ metrics: new Metrics('test'), tickMs: 50 },
  });
  supervisors.push(supervisor);
  supervisor.start();
  return supervisor;
}

async function start(): Promise<string> {
  const run = aRun(SHAPE);
  expect(run.totalCells).toBe(CELLS);
  await insertRun(database, run);
  return run.id;
}

/** What rows there are, and how far the run's row says that they go. */
async function made(runId: string): Promise<{ rows: number; last: number; saidTo: number | null }> {
  const { rows } = await database.query<{ rows: number; last: number; saidTo: number | null }>(
    `SELECT (SELECT count(*)::integer FROM cells WHERE run_id = $1) AS rows,
            (SELECT coalesce(max(cell_no), 0) FROM cells WHERE run_id = $1) AS last, cells_made AS "saidTo"
       FROM runs WHERE id = $1`,
    [runId],
  );
  return rows[0]!;
}

async function results(runId: string): Promise<CellResult[]> {
  const cells: CellResult[] = [];
  for await (const batch of readResults(database, runId, 500)) cells.push(...batch);
  return cells;
}

const countsOf = async (runId: string) => {
  const { pairs } = await countCells(database, (await findRun(database, runId))!);
  return pairs.map(({ pending, submitted, cancelled }) => ({ pending, submitted, cancelled }));
};

const statusOf = async (runId: string) => (await findRun(database, runId))?.status;

describe('a large run', () => {
  it('has no cells when it is accepted; the runner makes them all before it asks for the first', async () => {
    const runId = await start();
    expect(await made(runId)).toEqual({ rows: 0, last: 0, saidTo: 0 });
    let madeAtFirst: { rows: number } | undefined;
    stub.intercept = () => {
      // Only rows of the moment are wanted: by the time they are read there may be more jobs, not more cells.
      void made(runId).then((found) => (madeAtFirst ??= found));
      return undefined;
    };
    startRunner();
    await until('a cell is asked for', () => madeAtFirst !== undefined);
    expect(madeAtFirst).toEqual({ rows: CELLS, last: CELLS, saidTo: null });
    const events = await readRunEvents(database, runId, '0', 3);
    expect(events[0]?.type).toBe('run.started');
  });

  it('is made to its end while it is paused, and asks for nothing until it is resumed', async () => {
    const runId = await start();
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await pauseRun(client, runId);
    });
    startRunner();
    await until('its cells are made', async () => (await made(runId)).saidTo === null);
    expect(await made(runId)).toMatchObject({ rows: CELLS });
    expect(stub.submissions).toBe(0);
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await resumeRun(client, runId, 'planned');
    });
    await until('a cell is asked for', () => stub.submissions > 0);
  });

  it('that is cancelled before its cells are made has them all, cancelled, and asks for none', async () => {
    const runId = await start();
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await makeCells(client, runId, 500, 'pending');
      await requestEnding(client, runId, 'cancelled');
    });
    startRunner();
    await until('it is cancelled', async () => (await statusOf(runId)) === 'cancelled');
    expect(await made(runId)).toEqual({ rows: CELLS, last: CELLS, saidTo: null });
    expect(await countsOf(runId)).toEqual(
      Array.from({ length: 4 }, () => ({ pending: 0, submitted: 0, cancelled: CELLS / 4 })),
    );
    expect((await results(runId)).every(({ state, finishedAt }) => state === 'cancelled' && finishedAt)).toBe(
      true,
    );
    expect(stub.submissions).toBe(0);
    const events = await readRunEvents(database, runId, '0', 10);
    expect(events.at(-1)).toMatchObject({
      type: 'run.finished',
      data: { status: 'cancelled', cancelled: CELLS },
    });
  });
});

describe('a runner that is killed while it makes cells', () => {
  /** @param when the process dies with its transaction open, or right after its commit */
  function mortal(own: Database, transactions: number, when: 'before' | 'after', die: () => Promise<void>) {
    let left = transactions;
    const transaction: Database['transaction'] = async (work) => {
      left -= 1;
      if (left > 0) return own.transaction(work);
      if (left < 0) throw new Error('this process is dead');
      const result = await own.transaction(async (client) => {
        const done = await work(client);
        if (when === 'before') await die();
        return done;
      });
      await die();
      return result;
    };
    return new Proxy(own, {
      get: (target, key) => (key === 'transaction' ? transaction : (Reflect.get(target, key) as unknown)),
    });
  }

  it.each([
    [1, 'before'],
    [1, 'after'],
    [2, 'before'],
    [3, 'after'],
    [4, 'before'],
    [4, 'after'],
  ] as const)(
    'leaves whole batches, and the next one goes on where it stopped (transaction %d, %s its commit)',
    async (transactions, when) => {
      const runId = await start();
      const applicationName = `mortal-${transactions}-${when}`;
      const own = await postgres.open(applicationName);
      await new Promise<void>((resolve) => {
        startRunner(
          mortal(own, transactions, when, async () => {
            // What a kill does to its connections: cut, whatever was going on.
            await database.query(
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`,
              [applicationName],
            );
            resolve();
          }),
        );
      });
      await stopAll();
      const batches = when === 'before' ? transactions - 1 : transactions;
      const rows = Math.min(batches * 2000, CELLS);
      expect(await made(runId)).toEqual({ rows, last: rows, saidTo: rows === CELLS ? null : rows });
      expect(await countsOf(runId)).toEqual(
        Array.from({ length: 4 }, () => ({ pending: CELLS / 4, submitted: 0, cancelled: 0 })),
      );
      expect(await statusOf(runId)).toBe('planned');
      expect(stub.submissions).toBe(0);

      startRunner();
      await until('a cell is asked for', () => stub.submissions > 0);
      expect(await made(runId)).toEqual({ rows: CELLS, last: CELLS, saidTo: null });
      expect((await results(runId)).map(({ cellNo }) => cellNo)).toEqual(
        Array.from({ length: CELLS }, (_, index) => index + 1),
      );
    },
  );

  it('is not missed where two make the cells at once', async () => {
    const other = await postgres.open('other-maker');
    const runId = await start();
    const make = (of: Database) =>
      of.transaction(async (client) => {
        const run = await lockRun(client, runId);
        if (run?.cellsMade !== null) await makeCells(client, runId, 700, 'pending');
      });
    await Promise.all(Array.from({ length: 12 }, (_, index) => make(index % 2 === 0 ? database : other)));
    expect(await made(runId)).toEqual({ rows: CELLS, last: CELLS, saidTo: null });
  });
});
