import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemError } from '#contracts';
import { insertLines, type Database, type LineRefusal } from '#persistence';
import { startTestDatabase, type TestDatabase } from '#testing';
import type { JobIntake } from '../../jobs/intake.js';
import { askLines, type Asked } from './ask-lines.js';
import type { LineJobs } from './line-jobs.js';
import { CALLER, aBatch, aBatchInProgress, found, intakeOf, lineJobsOf, lineOf } from './spec-support.js';

describe('a line of a batch that is refused', () => {
  let postgres: TestDatabase;
  beforeAll(async () => {
    postgres = await startTestDatabase();
  });
  afterAll(() => postgres.close());

  const asked = async (refusal: ProblemError, windowS: number): Promise<Asked> => {
    const { database } = postgres;
    const batch = await aBatch(database, 1, windowS);
    await insertLines(database, { id: batch.id, fence: 0 }, [
      { line_no: 1, at_byte: 0, bytes: 2, custom_id: 'a' },
    ]);
    const lineJobs = { read: () => ({ line: { request: {} } }) } as unknown as LineJobs;
    const intake = { accept: () => Promise.reject(refusal) } as unknown as JobIntake;
    return askLines({ database, intake, lineJobs }, batch, CALLER, 0, 10);
  };
  const deadline = new ProblemError('VALIDATION_FAILED', 'deadline: must be in the future', [
    { field: 'deadline', message: 'must be in the future' },
  ]);

  it('has failed where the refusal is about the line', async () => {
    expect(await asked(deadline, 60)).toMatchObject({ lines: 1, refused: 1, waitMs: undefined });
  });

  it('is left to expire where the window has closed meanwhile', async () => {
    expect(await asked(deadline, 0)).toMatchObject({ lines: 0, refused: 0, waitMs: 2000 });
  });

  it('waits where the refusal passes, as long as it says', async () => {
    const full = new ProblemError('QUEUE_FULL', 'full', [], { retryAfterS: 7 });
    expect(await asked(full, 60)).toMatchObject({ lines: 0, waitMs: 7000, waitsFor: 'QUEUE_FULL' });
  });

  /** Asks one of two lines in vain. */
  const askedOfTwo = async (fault: Error): Promise<Asked> => {
    const { database } = postgres;
    const batch = await aBatchInProgress(database, [lineOf('id-1'), lineOf('id-2')]);
    const real = intakeOf(database);
    const accept: JobIntake['accept'] = (request, key, origin) =>
      key?.endsWith(' 1') === true ? Promise.reject(fault) : real.accept(request, key, origin);
    const intake = { accept } as unknown as JobIntake;
    return askLines({ database, intake, lineJobs: lineJobsOf() }, batch, CALLER, 0, 10);
  };

  it('by a fault that would be the same again has failed, and its neighbour is asked', async () => {
    expect(await askedOfTwo(new RangeError('too deep'))).toMatchObject({ lines: 2, refused: 1 });
    // One that passes says nothing of the line.
    const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
    await expect(askedOfTwo(away)).rejects.toBe(away);
  });

  it.each<[string, unknown, Partial<LineRefusal>]>([
    [
      'the door',
      new ProblemError('FORBIDDEN', 'model: no', [{ field: 'model', message: 'no' }]),
      { status: 403, code: 'FORBIDDEN', message: 'model: no', param: 'model' },
    ],
    ['a fault of Beacon', new TypeError('of undefined'), { status: 500, code: 'INTERNAL_ERROR' }],
  ])('since it was validated is told so as by %s', async (_what, thrown, refusal) => {
    const { database } = postgres;
    const batch = await aBatchInProgress(database, [lineOf('id-1')]);
    const lineJobs = lineJobsOf(() => {
      throw thrown;
    });
    const intake = intakeOf(database);
    expect(await askLines({ database, intake, lineJobs }, batch, CALLER, 0, 10)).toMatchObject({
      refused: 1,
    });
    const { rows } = await database.query('SELECT outcome, refusal FROM batch_lines WHERE batch_id = $1', [
      batch.id,
    ]);
    expect(rows).toMatchObject([{ outcome: 'failed', refusal }]);
    expect((await found(database, batch.id)).failed).toBe(1);
  });

  /** The database refuses what is inserted together; then what one line alone is. */
  const refusing = (together: string, alone: Readonly<Record<string, string>>): Pick<Database, 'query'> => ({
    query: (text, values) => {
      const jobs = text.includes('INSERT INTO jobs')
        ? (JSON.parse(String(values?.[0])) as { idempotency_key: string }[])
        : [];
      const [first] = jobs;
      const code = jobs.length > 1 ? together : alone[first?.idempotency_key.split(' ').at(-1) ?? ''];
      return code === undefined
        ? postgres.database.query(text, values)
        : Promise.reject(Object.assign(new Error('refused'), { code }));
    },
  });

  it.each([
    ['is more than a statement can hold with its neighbours: alone it is taken', '54000', {}, 2, 0],
    ['cannot be stored', '22P05', { 1: '22P05' }, 2, 1],
    ['cannot be tried alone, as the database went away: it is asked again', '22P05', { 1: '57P01' }, 1, 0],
  ])('where it %s', async (_what, together, alone, lines, refused) => {
    const { database } = postgres;
    const batch = await aBatchInProgress(database, [lineOf('id-1'), lineOf('id-2')]);
    const intake = intakeOf(refusing(together, alone));
    expect(await askLines({ database, intake, lineJobs: lineJobsOf() }, batch, CALLER, 0, 10)).toMatchObject({
      ...{ lines, refused, waitsFor: lines < 2 ? 'DATABASE_UNAVAILABLE' : undefined },
    });
  });
});
