import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aRun, startTestDatabase, type RunShape, type TestDatabase } from '#testing';
import fc from 'fast-check';
import { insertRun } from './insert-run.js';
import { addRepeats } from './reopen-run.js';
import { readSkews } from './run-skew.js';
import { acceptAnswers, closeCells } from './settle-cells.js';
import { markSubmitting } from './submit-cells.js';

const START_MS = Date.UTC(2026, 10, 1);
const REGIONS = ['US', 'EU', 'ASIA'];

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

interface Cell {
  readonly cellNo: number;
  readonly questionNo: number;
  readonly model: string;
  readonly repeat: number;
}

async function aBoundedRun(shape: RunShape, extendedTo: number | undefined, maxSkewS: number | undefined) {
  const { database } = postgres;
  const run = aRun(shape);
  const spec = { ...run.spec, ...(maxSkewS === undefined ? {} : { max_skew_s: maxSkewS }) };
  await insertRun(database, { ...run, spec });
  if (extendedTo !== undefined)
    await addRepeats(database, run.id, {
      ...{ spec, totalCells: run.totalCells, repeats: extendedTo, plan: run.plan },
    });
  const { rows: cells } = await database.query<Cell & Record<string, unknown>>(
    `SELECT cell_no AS "cellNo", question_no AS "questionNo", model, repeat FROM cells
      WHERE run_id = $1 ORDER BY cell_no`,
    [run.id],
  );
  return { runId: run.id, cells };
}

/** @param askedS seconds after the start; null: not known */
const answer = (cellNo: number, askedS: number | null) => ({
  ...{ cellNo, cellAttempt: 1, jobAttempts: 1, answer: 'a', answeredRegion: 'US', endpointId: 'e' },
  ...{ inferenceTimeS: 1, tokensGenerated: 1 },
  askedAt: askedS === null ? null : new Date(START_MS + askedS * 1000).toISOString(),
});

/** What the docs say, in as many words. */
function expectedSkews(cells: readonly Cell[], asked: ReadonlyMap<number, number | null>) {
  const rounds = new Map<string, { questionNo: number; times: number[] }>();
  for (const { cellNo, questionNo, model, repeat } of cells) {
    const key = JSON.stringify([questionNo, model, repeat]);
    const round = rounds.get(key) ?? { questionNo, times: [] };
    rounds.set(key, round);
    const time = asked.get(cellNo);
    if (time !== undefined && time !== null) round.times.push(time);
  }
  const worst = new Map<number, number>();
  for (const { questionNo, times } of rounds.values())
    if (times.length > 1)
      worst.set(questionNo, Math.max(worst.get(questionNo) ?? 0, Math.max(...times) - Math.min(...times)));
  return worst;
}

describe('the skew of a question', () => {
  it('is that of its worst model and repeat, in whatever order and batches its answers come', async () => {
    const { database } = postgres;
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          questions: fc.integer({ min: 1, max: 3 }),
          repeats: fc.integer({ min: 1, max: 2 }),
          models: fc.constantFrom(['a'], ['a', 'b']),
          extendedTo: fc.constantFrom(undefined, 3, 4),
        }),
        fc.array(
          fc.record({
            picks: fc.array(fc.nat(71), { minLength: 1, maxLength: 12 }),
            askedS: fc.option(fc.integer({ min: 0, max: 3000 }), { freq: 8 }),
            spreadS: fc.integer({ min: 0, max: 20 }),
            isAnswered: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        async ({ extendedTo, ...shape }, steps) => {
          const ofRun = { ...shape, regions: REGIONS, policy: 'prefer' } as const;
          const { runId, cells } = await aBoundedRun(ofRun, extendedTo, 30);
          const asked = new Map<number, number | null>();
          const closed = new Set<number>();
          for (const { picks, askedS, spreadS, isAnswered } of steps) {
            const open = [...new Set(picks.map((pick) => (pick % cells.length) + 1))].filter(
              (cellNo) => !closed.has(cellNo),
            );
            for (const cellNo of open) closed.add(cellNo);
            await markSubmitting(database, runId, open);
            if (!isAnswered) {
              const failed = open.map((cellNo) => ({ cellNo, cellAttempt: 1, jobAttempts: 1, code: 'X' }));
              await closeCells(database, runId, 'failed', failed);
              continue;
            }
            for (const [index, cellNo] of open.entries())
              asked.set(cellNo, askedS === null ? null : askedS + index * spreadS);
            await acceptAnswers(
              database,
              runId,
              open.map((cellNo) => answer(cellNo, asked.get(cellNo) ?? null)),
            );
          }
          expect(await readSkews(database, runId)).toEqual(expectedSkews(cells, asked));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is kept for runs that bound it, and for no others', async () => {
    const { database } = postgres;
    for (const [bound, kept] of [
      [30, [[1, 1500]]],
      [undefined, []],
    ] as const) {
      const { runId } = await aBoundedRun({ questions: 1, policy: 'prefer' }, undefined, bound);
      await markSubmitting(database, runId, [1, 2]);
      await acceptAnswers(database, runId, [answer(1, 0), answer(2, 1500)]);
      expect([...(await readSkews(database, runId))]).toEqual(kept);
    }
  });

  it('is not changed by an answer that comes again with another time', async () => {
    const { database } = postgres;
    const { runId } = await aBoundedRun({ questions: 1, policy: 'prefer' }, undefined, 30);
    await markSubmitting(database, runId, [1, 2]);
    await acceptAnswers(database, runId, [answer(1, 0), answer(2, 5)]);
    expect(await acceptAnswers(database, runId, [answer(1, 900), answer(2, 0)])).toEqual([]);
    expect([...(await readSkews(database, runId))]).toEqual([[1, 5]]);
  });
});
