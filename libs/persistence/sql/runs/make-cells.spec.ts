import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aRun, startTestDatabase, type TestDatabase } from '#testing';
import { findRun } from './read-run.js';
import { finishRun } from './change-run.js';
import { insertRun } from './insert-run.js';
import { makeCells } from './make-cells.js';
import { readComparedCells } from './read-comparison.js';
import { readReceiptCells, tallyCells } from './read-receipt.js';
import { countCells } from './run-progress.js';
import { readResults } from './run-results.js';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

async function all<Row>(batches: AsyncGenerator<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of batches) rows.push(...batch);
  return rows;
}

const shape = fc.record({
  questions: fc.integer({ min: 1, max: 4 }),
  repeats: fc.integer({ min: 1, max: 3 }),
  models: fc.constantFrom(['a'], ['a', 'b'], ['a', 'b', 'c']),
  policy: fc.constantFrom('pin' as const, 'prefer' as const),
});

/** Everything that is read of a run's cells. */
async function readingsOf(runId: string, questions: number, repeats: number) {
  const { database } = postgres;
  const run = (await findRun(database, runId))!;
  const { id, spec } = run;
  const compared = [];
  for (let questionNo = 1; questionNo <= questions; questionNo += 1)
    for (let repeat = 1; repeat <= repeats; repeat += 1)
      for (const afterPairNo of [0, 1])
        compared.push(
          await readComparedCells(database, { id, spec }, { questionNo, repeat, afterPairNo }, 4, 100),
        );
  const tallies = await tallyCells(database, id);
  return {
    counts: await countCells(database, run),
    results: await all(readResults(database, id, 5)),
    receipt: await all(readReceiptCells(database, id, 5)),
    tallies: tallies.sort((left, right) => left.region.localeCompare(right.region)),
    compared,
  };
}

describe('the cells of a run', () => {
  it('are the same, and are read as the same, whether they are made at once, in batches or not yet', async () => {
    const { database } = postgres;
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 4 }),
        async (of, batches) => {
          const [now, later] = [aRun(of), aRun(of)];
          const { questions, repeats } = of;
          await insertRun(database, now);
          await insertRun(database, later, 0);
          const expected = await readingsOf(now.id, questions, repeats);
          expect(expected.results).toHaveLength(now.totalCells);
          expect(await readingsOf(later.id, questions, repeats)).toEqual(expected);
          for (const limit of [...batches, now.totalCells]) {
            await makeCells(database, later.id, limit, 'pending');
            expect(await readingsOf(later.id, questions, repeats)).toEqual(expected);
          }
          const { rows } = await database.query(
            `SELECT cell_no, question_no, pair_no, question_id, model, region, repeat, pinned, state, finished_at
               FROM cells WHERE run_id = $1
             EXCEPT ALL
             SELECT cell_no, question_no, pair_no, question_id, model, region, repeat, pinned, state, finished_at
               FROM cells WHERE run_id = $2`,
            [now.id, later.id],
          );
          expect(rows).toEqual([]);
          expect((await findRun(database, later.id))?.cellsMade).toBeNull();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are all there before the run can end, whoever tries', async () => {
    const { database } = postgres;
    const run = aRun();
    await insertRun(database, run, 0);
    await expect(finishRun(database, run.id, 'completed')).rejects.toThrow(/runs_ends_with_all_cells/);
    await makeCells(database, run.id, run.totalCells, 'pending');
    await finishRun(database, run.id, 'completed');
    expect((await findRun(database, run.id))?.status).toBe('completed');
  });

  it('are made as many as asked for, by a run as wide as it may be', async () => {
    const { database } = postgres;
    const run = aRun({
      ...{ questions: 1, repeats: 10 },
      models: Array.from({ length: 100 }, (_, index) => `m${index}`),
      regions: Array.from({ length: 100 }, (_, index) => `R${index}`),
    });
    await insertRun(database, run);
    expect(run.totalCells).toBe(100_000);
    await makeCells(database, run.id, 2500, 'pending');
    await makeCells(database, run.id, 10_000, 'cancelled');
    const { rows } = await database.query(
      `SELECT state, count(*)::integer, min(cell_no), max(cell_no) FROM cells WHERE run_id = $1
        GROUP BY state ORDER BY state`,
      [run.id],
    );
    expect(rows).toEqual([
      { state: 'cancelled', count: 10_000, min: 2501, max: 12_500 },
      { state: 'pending', count: 2500, min: 1, max: 2500 },
    ]);
  });
});
