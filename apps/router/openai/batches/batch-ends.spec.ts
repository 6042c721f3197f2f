import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemError } from '#contracts';
import { createLogger } from '#observability';
import {
  findFile,
  listUnfinishedBatches,
  moveBatch,
  readChunk,
  recordAsked,
  recordOutcomes,
  type BatchRow,
  type Database,
} from '#persistence';
import { startTestDatabase, until, type TestDatabase } from '#testing';
import { originOf, type JobIntake } from '../../jobs/intake.js';
import { lineKey } from './ask-lines.js';
import type { BatchKeeper } from './batch-keeper.js';
import type { KeeperParts } from './keeper-parts.js';
import type { ResultLine } from './line-results.js';
import { CALLER, aBatchInProgress, found, intakeOf, keeperOf, lineOf } from './spec-support.js';

const REQUEST = {
  ...{ model: 'm', prompt: 'p', temperature: 1, max_tokens: 1, region_policy: 'pin', priority: 'low' },
};

let postgres: TestDatabase;
const opened: { close: () => Promise<unknown> }[] = [];
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.close();
});
afterAll(() => postgres.close());

const drive = (parts: Partial<KeeperParts> = {}): BatchKeeper => {
  const keeper = keeperOf(postgres.database, parts);
  opened.push({ close: () => keeper.stop() });
  keeper.start();
  return keeper;
};
const untilItIs = (status: string, { id }: BatchRow): Promise<BatchRow> =>
  until(`the batch is ${status}`, async () => {
    const batch = await found(postgres.database, id);
    if (batch.status !== status) throw new Error(`it is ${batch.status}`);
    return batch;
  });
/** The lines of an output or error file. */
const linesOf = async (fileId: string | null): Promise<ResultLine[]> => {
  if (fileId === null) return [];
  expect(await findFile(postgres.database, fileId)).toBeDefined();
  const text = (await readChunk(postgres.database, fileId, 0))!.toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ResultLine);
};
const anAnswer = (response: string) => ({
  ...{ response, model: 'm', region: 'US', endpoint_id: 'e', substituted: false },
  ...{ inference_time_s: 1, tokens_generated: 1 },
});
/** A batch whose first lines have been answered, the last one not, as a router left it. */
const anAnsweredBatch = async (lines: readonly string[], answers: readonly string[]): Promise<BatchRow> => {
  const { database } = postgres;
  const batch = await aBatchInProgress(database, lines);
  const { id, fence } = batch;
  for (const [index, answer] of answers.entries()) {
    const lineNo = index + 1;
    const about = originOf(CALLER, { batch: { id, fence } });
    const { jobId } = await intakeOf(database).accept(REQUEST as never, lineKey(id, lineNo), about);
    await database.query(
      `UPDATE jobs SET state = 'completed', completed_at = clock_timestamp(), result = $2 WHERE id = $1`,
      [jobId, JSON.stringify(anAnswer(answer))],
    );
    await recordAsked(database, batch, [{ lineNo, jobId, refusal: null }]);
    await recordOutcomes(database, batch, [lineNo], 'completed');
  }
  return batch;
};
const finalizing = async (batch: BatchRow): Promise<BatchRow> =>
  (await moveBatch(postgres.database, batch.id, 'in_progress', 'finalizing'))!;

describe('a batch ends, and what was answered is told,', () => {
  it('where the door would refuse by now what it has answered', async () => {
    const stop = Array.from({ length: 40 }, (_, index) => `stop-${index}`);
    const batch = await anAnsweredBatch(
      [lineOf('id-1', { stop, gone_since: 1, max_tokens: 90_000 }), lineOf('id-2', { model: 'gone' })],
      ['before stop-39 after', 'whole'],
    );
    await finalizing(batch);
    drive();
    const ended = await untilItIs('completed', batch);
    expect(ended).toMatchObject({ completed: 2, failed: 0, errorFileId: null });
    const told = await linesOf(ended.outputFileId);
    expect(told).toMatchObject([
      { custom_id: 'id-1', response: { body: { choices: [{ message: { content: 'before ' } }] } } },
      { custom_id: 'id-2', response: { body: { model: 'gone' } } },
    ]);
  });

  it('but for a line of which nobody can say any more what it asked', async () => {
    const lines = [lineOf('id-1'), lineOf('id-2')];
    const batch = await anAnsweredBatch(lines, ['one', 'two']);
    await postgres.database.query(
      `UPDATE file_chunks SET content = set_byte(content, 0, 0) WHERE file_id = $1`,
      [batch.inputFileId],
    );
    await finalizing(batch);
    const log: string[] = [];
    drive({ logger: createLogger('test', 'info', { write: (line) => log.push(line) }) });
    const ended = await untilItIs('completed', batch);
    expect(ended).toMatchObject({ completed: 1, failed: 1 });
    const logged = await until('it is logged', () =>
      log.find((line) => line.includes('batch.answers_not_told')),
    );
    expect(JSON.parse(logged)).toMatchObject({ lines: 1, causes: ['SyntaxError'] });
    // A parser that fails quotes what it read.
    expect(log.join('')).not.toContain('custom_id');
    expect(await linesOf(ended.outputFileId)).toMatchObject([{ custom_id: 'id-2', error: null }]);
    expect(await linesOf(ended.errorFileId)).toMatchObject([
      { custom_id: 'id-1', response: null, error: { code: 'request_unreadable' } },
    ]);
  });

  it('and fails where its input file is gone, line by line', async () => {
    const batch = await anAnsweredBatch([lineOf('id-1')], ['one']);
    await finalizing(batch);
    await postgres.database.query('DELETE FROM files WHERE id = $1', [batch.inputFileId]);
    drive();
    const ended = await untilItIs('failed', batch);
    expect(ended).toMatchObject({ completed: 0, failed: 1, errors: [{ code: 'all_requests_failed' }] });
    expect(await linesOf(ended.errorFileId)).toMatchObject([{ error: { code: 'request_unreadable' } }]);
  });
});

describe('a batch of which a step fails', () => {
  /** Lets every statement that matches fail. @param times left out: each time it is tried */
  const failing = async (table: string, sqlState: string, times?: number): Promise<void> => {
    const { database } = postgres;
    const when = times === undefined ? 'true' : `nextval('tries') <= ${times}`;
    await database.query('CREATE SEQUENCE tries');
    await database.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF ${when} THEN RAISE 'told to fail' USING ERRCODE = '${sqlState}'; END IF; RETURN NEW; END $$`);
    await database.query(`CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION fail()`);
    opened.push({
      close: async () => {
        await database.query('DROP FUNCTION fail CASCADE');
        await database.query('DROP SEQUENCE tries');
      },
    });
  };
  const internal = { errors: [{ code: 'internal_error', line: null }] };

  it('by what passes goes on when it has passed, however often it was tried', async () => {
    const batch = await anAnsweredBatch([lineOf('id-1')], ['one']);
    await finalizing(batch);
    // 53100: the disk is full.
    await failing('file_chunks', '53100', 11);
    drive({ faultMs: 1 });
    expect(await untilItIs('completed', batch)).toMatchObject({ completed: 1, errors: null });
  });

  it('by what does not pass fails while its files are written', async () => {
    const batch = await anAnsweredBatch([lineOf('id-1')], ['one']);
    await finalizing(batch);
    await failing('file_chunks', '22021');
    drive({ faultMs: 1 });
    expect(await untilItIs('failed', batch)).toMatchObject({ ...internal, outputFileId: null });
  });

  it('by what does not pass is cancelled while it is asked, and what was answered is told', async () => {
    const batch = await anAnsweredBatch([lineOf('id-1'), lineOf('id-2')], ['one']);
    // Jobs cannot be noted with their lines.
    await failing('batch_lines', '54000', 10);
    drive({ faultMs: 1, jobsAtOnce: 1, cancellation: { cancel: endJob } as never });
    const ended = await untilItIs('cancelled', batch);
    expect(ended).toMatchObject({ ...internal, completed: 1 });
    expect(await linesOf(ended.outputFileId)).toMatchObject([{ custom_id: 'id-1' }]);
    expect(await linesOf(ended.errorFileId)).toMatchObject([{ error: { code: 'batch_cancelled' } }]);
  });

  it('by what does not pass is cancelled where it already was to be', async () => {
    const batch = await anAnsweredBatch([lineOf('id-1')], ['one']);
    await moveBatch(postgres.database, batch.id, 'in_progress', 'cancelling');
    await failing('file_chunks', '22021');
    drive({ faultMs: 1 });
    expect(await untilItIs('cancelled', batch)).toMatchObject(internal);
  });

  const endJob = async (jobId: string): Promise<'cancelled'> => {
    await postgres.database.query(`UPDATE jobs SET state = 'cancelled' WHERE id = $1`, [jobId]);
    return 'cancelled';
  };
});

it('a batch that is made during a look, which is too late for it, is found by one that follows at once', async () => {
  const { database } = postgres;
  let made: BatchRow | undefined;
  const slow = Object.create(database, {
    query: {
      value: async (...asked: Parameters<Database['query']>) => {
        const found = await database.query(...asked);
        if (made === undefined && asked[0].includes('FROM batches')) {
          made = await anAnsweredBatch([lineOf('id-1')], ['one']);
          keeper.poke(made.id);
        }
        return found;
      },
    },
  }) as Database;
  const keeper = drive({ database: slow, lookMs: 3_600_000 });
  await until('it was made', () => made);
  await untilItIs('completed', made!);
});

describe('where there are more batches than can be driven', () => {
  const clear = () =>
    postgres.database.query(`UPDATE batches SET status = 'failed', failed_at = clock_timestamp()`);
  const draw = (limit: number, round: number) => listUnfinishedBatches(postgres.database, limit, round);

  it('one of another tenant is driven, however long those that are driven wait', async () => {
    await clear();
    const { database } = postgres;
    const accepted = new Set<string | undefined>();
    const real = intakeOf(database);
    const accept: JobIntake['accept'] = async (request, key, origin) => {
      accepted.add(origin.batch?.id);
      if (origin.tenant === 'stuck') throw new ProblemError('QUEUE_FULL', 'full', [], { retryAfterS: 30 });
      return real.accept(request, key, origin);
    };
    for (let index = 0; index < 4; index += 1)
      await aBatchInProgress(database, [lineOf('id-1')], 3600, 'stuck');
    drive({ drivenMax: 2, intake: { accept } as unknown as JobIntake });
    await until('as many wait as are driven', () => accepted.size >= 2);
    const other = await aBatchInProgress(database, [lineOf('id-1')], 3600, 'other');
    await until('the other is asked', () => accepted.has(other.id));
  });

  it('each has its turn, those that only have to be ended at once, and tenants have as many as each other', async () => {
    await clear();
    const { database } = postgres;
    const [one, two] = [[], []] as [string[], string[]];
    for (const [tenant, ids, batches] of [
      ['one', one, 6],
      ['two', two, 2],
    ] as const)
      for (let index = 0; index < batches; index += 1)
        ids.push((await aBatchInProgress(database, 1, 3600, tenant)).id);
    const seen = new Set<string>();
    for (let round = 0; round < 60; round += 1) {
      const drawn = await draw(4, round);
      expect(drawn.filter((id) => two.includes(id))).toHaveLength(2);
      for (const id of drawn) seen.add(id);
    }
    expect(seen).toEqual(new Set([...one, ...two]));
    // The rarest comes in one round of twelve: that one of them never comes is impossible in so many.
    const firsts = await Promise.all(Array.from({ length: 400 }, (_, round) => draw(1, round)));
    expect(new Set(firsts.flat())).toEqual(seen);
    const cancelled = one[4]!;
    await moveBatch(database, cancelled, 'in_progress', 'cancelling');
    for (let round = 0; round < 20; round += 1) expect(await draw(2, round)).toContain(cancelled);
    // Where there is room for all, nothing is drawn.
    expect(new Set(await draw(8, 0))).toEqual(seen);
  });
});
