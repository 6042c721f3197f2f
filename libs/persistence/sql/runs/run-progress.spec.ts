import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aRun, startTestDatabase, type TestDatabase } from '#testing';
import { RunCounts1763769600008 } from '../../migrations/0008-run-counts.js';
import { cancelPendingCells } from './change-run.js';
import { insertRun } from './insert-run.js';
import { countCells, countCellsOfRuns, type RunTotals } from './run-progress.js';
import { acceptAnswers, closeCells, putCellsBack } from './settle-cells.js';
import { markSubmitting, recordJobIds } from './submit-cells.js';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

/** The cells themselves, one by one. */
async function counted(runId: string, key: 'question_no' | 'pair_no'): Promise<Record<string, unknown>[]> {
  const states = ['pending', 'submitted', 'accepted', 'failed', 'cancelled'];
  const { rows } = await postgres.database.query(
    `SELECT ${key} AS number, ${states
      .map((state) => `count(*) FILTER (WHERE state = '${state}')::integer AS ${state}`)
      .join(', ')}, count(*) FILTER (WHERE substituted)::integer AS substituted
       FROM cells WHERE run_id = '${runId}' GROUP BY ${key} ORDER BY ${key}`,
  );
  return rows;
}

const CELLS = 3 * 2 * 4;
const cellNos = fc.uniqueArray(fc.integer({ min: 1, max: CELLS }), { minLength: 1, maxLength: 8 });
const change = fc.record({
  what: fc.constantFrom('submit', 'record', 'accept', 'fail', 'put back', 'cancel'),
  cellNos,
});

describe('the counts of a run', () => {
  it('are those of its cells, whatever is done to them', async () => {
    const { database } = postgres;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        const run = aRun({ questions: 3, repeats: 2, models: ['a', 'b'], policy: 'prefer' });
        await insertRun(database, run);
        for (const { what, cellNos: cells } of changes) {
          const tries = cells.map((cellNo) => ({
            cellNo,
            cellAttempt: 1,
            jobAttempts: 1,
            code: 'X',
            pauseMs: 1,
          }));
          if (what === 'submit') await markSubmitting(database, run.id, cells);
          if (what === 'record')
            await recordJobIds(
              database,
              run.id,
              tries.map((cell) => ({ ...cell, jobId: '00000000-0000-4000-8000-000000000000' })),
            );
          if (what === 'accept')
            await acceptAnswers(
              database,
              run.id,
              tries.map((cell) => ({
                ...cell,
                ...{
                  answer: 'a',
                  answeredRegion: 'US',
                  endpointId: 'e',
                  inferenceTimeS: 1,
                  tokensGenerated: 1,
                  askedAt: null,
                },
              })),
            );
          if (what === 'fail') await closeCells(database, run.id, 'failed', tries);
          if (what === 'put back') await putCellsBack(database, run.id, tries);
          if (what === 'cancel') await cancelPendingCells(database, run.id, cells.length);
        }
        const { questions, pairs } = await countCells(database, { ...run, cellsMade: null });
        expect(
          questions.map(({ questionNo: number, questionId: _id, ...states }) => ({ number, ...states })),
        ).toEqual((await counted(run.id, 'question_no')).map(({ substituted: _none, ...states }) => states));
        expect(pairs.map(({ pairNo: number, ...states }) => ({ number, ...states }))).toEqual(
          await counted(run.id, 'pair_no'),
        );
        const [[, totals] = []] = await countCellsOfRuns(database, [{ ...run, totalCells: CELLS }]);
        const sumOf = (name: keyof RunTotals): number => pairs.reduce((sum, pair) => sum + pair[name], 0);
        const names = ['pending', 'submitted', 'accepted', 'substituted', 'failed', 'cancelled'] as const;
        expect(totals).toEqual(Object.fromEntries(names.map((name) => [name, sumOf(name)])));
      }),
      { numRuns: 60 },
    );
  });

  it('of runs that were there before the counts are made by the migration', async () => {
    const { database } = postgres;
    const run = aRun({ questions: 3, repeats: 2, models: ['a', 'b'] });
    await insertRun(database, run);
    await markSubmitting(database, run.id, [1, 2, 3]);
    const before = await countCells(database, { ...run, cellsMade: null });
    await database.query(`DROP TRIGGER cells_counted_new ON cells; DROP TRIGGER cells_counted_changed ON cells;
                          DROP FUNCTION count_new_cells, count_changed_cells;
                          DROP TABLE run_question_counts, run_pair_counts CASCADE`);
    const queryRunner = database.dataSource.createQueryRunner();
    await new RunCounts1763769600008().up(queryRunner);
    await queryRunner.release();
    expect(await countCells(database, { ...run, cellsMade: null })).toEqual(before);
    expect(before.pairs.map(({ submitted }) => submitted)).toEqual([1, 1, 1, 0]);
  });
});
