import { randomUUID } from 'node:crypto';
import type { Configuration } from '#config';
import type { Caller } from '#domain';
import { Metrics, createLogger } from '#observability';
import {
  findBatch,
  insertBatch,
  insertLines,
  moveBatch,
  takeBatch,
  type BatchRow,
  type Database,
} from '#persistence';
import { JobIntake } from '../../jobs/intake.js';
import { FileWriter } from '../files/file-writer.js';
import { BatchJournal } from './batch-journal.js';
import { BatchKeeper } from './batch-keeper.js';
import type { KeeperParts } from './keeper-parts.js';
import { LineJobs } from './line-jobs.js';
import { Turns } from './turns.js';

/** Whose batches the specs make. */
export const CALLER: Caller = {
  ...{ kind: 'local', tenant: 'local', keyId: null, roles: ['submit'], limits: {}, requestId: null },
};

export const METRICS = new Metrics('test');
export const LOGGER = createLogger('test', 'silent');

/** A line of an input file. */
export function lineOf(customId: string, more: object = {}): string {
  const messages = [{ role: 'user', content: 'hi' }];
  return JSON.stringify({
    ...{ custom_id: customId, method: 'POST', url: '/v1/chat/completions' },
    body: { model: 'm', messages, ...more },
  });
}

/** A batch that nobody has validated yet. @param lines of its file, or how many empty ones */
export async function aBatch(
  database: Database,
  lines: number | readonly string[],
  windowS = 3600,
  tenant = CALLER.tenant,
): Promise<BatchRow> {
  const writer = new FileWriter(database, { ...CALLER, tenant });
  await writer.write(typeof lines === 'number' ? '{}\n'.repeat(lines) : `${lines.join('\n')}\n`);
  await writer.flush();
  const file = await writer.finish(database, { filename: 'f', purpose: 'batch', expiresS: null });
  const id = randomUUID();
  await database.transaction((client) =>
    insertBatch(
      client,
      {
        ...{ id, tenant, keyId: null, keyLimits: {}, endpoint: '/v1/chat/completions', windowS },
        ...{ inputFileId: file.id, completionWindow: '24h', outputExpiresS: null, metadata: null },
        asks: { priority: 'low', headers: {} },
      },
      0,
    ),
  );
  return found(database, id);
}

/** One whose lines can be asked, by whoever has its fence. */
export async function aBatchInProgress(
  database: Database,
  lines: number | readonly string[],
  windowS = 3600,
  tenant = CALLER.tenant,
): Promise<BatchRow> {
  const { id } = await aBatch(database, lines, windowS, tenant);
  const fence = (await takeBatch(database, id)) ?? 0;
  const contents = typeof lines === 'number' ? Array.from({ length: lines }, () => '{}') : lines;
  let atByte = 0;
  const noted = contents.map((content, index) => {
    const line = { line_no: index + 1, at_byte: atByte, bytes: content.length, custom_id: `id-${index + 1}` };
    atByte += content.length + 1;
    return line;
  });
  if (!(await insertLines(database, { id, fence }, noted))) throw new Error('its lines could not be noted');
  const change = { total: contents.length, lastLine: contents.length };
  const moved = await moveBatch(database, id, 'validating', 'in_progress', change, fence);
  if (moved === undefined) throw new Error('the batch has moved on');
  return moved;
}

export async function found(database: Database, id: string): Promise<BatchRow> {
  const batch = await findBatch(database, id);
  if (batch === undefined) throw new Error('there is no such batch');
  return batch;
}

/** The door to the queue as it is, without limits on who comes. */
export function intakeOf(database: Pick<Database, 'query'>): JobIntake {
  return new JobIntake(
    database as Database,
    { resolveRegion: () => undefined } as never,
    {
      refuseModel: () => undefined,
      place: () => ({ homeRegion: 'US', preferredRegion: 'US', regionPolicy: 'pin', lane: 'pin:US' }),
    } as never,
    { announce: () => undefined } as never,
    METRICS,
    LOGGER,
    {
      defaults: () => ({ executionMs: 1000, maxAttempts: 1 }),
      ageing: { normalMs: 0, lowMs: 0 },
    },
    {
      takeRoom: (newcomers: unknown[]) => Promise.resolve(newcomers.map(() => undefined)),
      settle: () => undefined,
      giveBack: () => undefined,
      forget: () => undefined,
    } as never,
    {} as never,
    {} as never,
  );
}

/** The door's reading of lines, where the model `m` is deployed. @param place throws where a line may not go anywhere */
export function lineJobsOf(place: () => unknown = () => undefined): LineJobs {
  return new LineJobs(
    { limits: { prompt_bytes: 1000, max_tokens: 1000 } } as Configuration,
    { models: new Set(['m']), regions: ['US'], resolveRegion: () => undefined },
    { place } as never,
    LOGGER,
  );
}

/** What drives batches, as in a router without keys. */
export function keeperOf(database: Database, parts: Partial<KeeperParts>): BatchKeeper {
  return new BatchKeeper({
    ...{ database, metrics: METRICS, logger: LOGGER },
    intake: intakeOf(database),
    lineJobs: lineJobsOf(),
    cancellation: {} as KeeperParts['cancellation'],
    journal: new BatchJournal(METRICS, LOGGER),
    callerOf: ({ tenant }) => Promise.resolve({ ...CALLER, tenant }),
    ...{ linesMax: 10, lineBytesMax: 10_000, jobsAtOnce: 10, expiresS: { output: null, error: null } },
    ...{ bulk: new Turns(1), turns: new Turns(1) },
    ...parts,
  });
}
