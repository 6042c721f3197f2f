import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import type { RunOrder } from '#domain';
import {
  acceptAnswers,
  addExecutionTimes,
  countCells,
  findRun,
  findRunGates,
  insertRun,
  makeCells,
  markSubmitting,
  recordGateDecision,
} from '#persistence';
import { aRun, startTestDatabase, type RunShape, type TestDatabase } from '#testing';
import { RunEta } from './run-eta.js';
import { RunPlanner } from './run-planner.js';

const REGIONS = ['US', 'EU'];
const configuration = parseConfiguration(
  JSON.stringify({
    regions: { US: {}, EU: {} },
    endpoints: REGIONS.map((region) => ({
      id: region,
      region,
      models: ['m', 'n'],
      url: 'http://localhost:1/',
    })),
  }),
  'test',
);

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
  await addExecutionTimes(postgres.database, [
    { region: 'US', model: 'm', cold: false, executionMs: 10_000 },
    { region: 'US', model: 'm', cold: true, executionMs: 110_000 },
    { region: 'EU', model: 'm', cold: false, executionMs: 40_000 },
    { region: 'EU', model: 'm', cold: true, executionMs: 240_000 },
  ]);
});
afterAll(() => postgres.close());

async function aStoredRun(order: RunOrder, shape: RunShape = {}): Promise<string> {
  const run = aRun({ questions: 6, models: ['m'], regions: REGIONS, order, ...shape });
  await insertRun(postgres.database, run);
  return run.id;
}
/** Asked anew each time: what is remembered is another matter. */
async function secondsLeft(runId: string): Promise<number | null> {
  const { database } = postgres;
  const eta = new RunEta(database, () => configuration, new RunPlanner(database, configuration));
  const run = (await findRun(database, runId))!;
  return eta.seconds(run, await countCells(database, run), await findRunGates(database, runId));
}
async function accept(runId: string, ...cellNos: number[]): Promise<void> {
  await markSubmitting(postgres.database, runId, cellNos);
  for (const cellNo of cellNos) {
    await acceptAnswers(postgres.database, runId, [
      {
        ...{
          cellNo,
          cellAttempt: 1,
          jobAttempts: 1,
          answer: 'a',
          answeredRegion: REGIONS[(cellNo - 1) % 2]!,
        },
        ...{ endpointId: 'e', inferenceTimeS: 1, tokensGenerated: 1, askedAt: null },
      },
    ]);
  }
}

describe('the time that is left of a run', () => {
  it.each([
    // Both cold: 100 s and 200 s; the US then takes 10 s a question, the EU 40 s.
    ['pipeline', {}, 200 + 6 * 40],
    ['question', {}, 200 + 6 * 40],
    ['region', {}, 100 + 6 * 10 + 200 + 6 * 40],
    ['region', { gatesAfter: [2] }, 100 + 2 * 10 + 200 + 2 * 40 + 4 * 10 + 4 * 40],
    ['pipeline', { gatesAfter: [2, 6] }, 200 + 6 * 40],
    ['question', { repeats: 3 }, 200 + 6 * 3 * 40],
  ] as const)('is for order %s and %j that of the plan', async (order, shape, seconds) => {
    expect(await secondsLeft(await aStoredRun(order, shape))).toBe(seconds);
  });

  it.each([
    ['pipeline', {}],
    ['question', { repeats: 3 }],
    ['region', { gatesAfter: [2] }],
    ['pipeline', { gatesAfter: [2, 6], repeats: 2 }],
  ] as const)('is for order %s and %j the same while the cells are being made', async (order, shape) => {
    const run = aRun({ questions: 6, models: ['m'], regions: REGIONS, order, ...shape });
    await insertRun(postgres.database, run, 0);
    const expected = await secondsLeft(await aStoredRun(order, shape));
    expect(expected).toBeGreaterThan(0);
    expect(await secondsLeft(run.id)).toBe(expected);
    await makeCells(postgres.database, run.id, 5, 'pending');
    expect(await secondsLeft(run.id)).toBe(expected);
  });

  it('shrinks with every pair’s own answers', async () => {
    const runId = await aStoredRun('pipeline');
    await accept(runId, 1, 3, 5, 2);
    expect(await secondsLeft(runId)).toBe(200 + 5 * 40);
    await accept(runId, 4, 6, 8, 10, 12);
    expect(await secondsLeft(runId)).toBe(100 + 3 * 10);
    await accept(runId, 7, 9, 11);
    expect(await secondsLeft(runId)).toBe(0);
  });

  it('does not count a gate that is approved as one', async () => {
    const runId = await aStoredRun('region', { gatesAfter: [2] });
    await recordGateDecision(postgres.database, runId, 'q2', 'approved');
    expect(await secondsLeft(runId)).toBe(100 + 6 * 10 + 200 + 6 * 40);
  });

  it('cannot be said where nothing has been learned about a run’s models', async () => {
    expect(await secondsLeft(await aStoredRun('pipeline', { models: ['n'] }))).toBeNull();
  });
});
