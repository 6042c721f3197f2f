import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { cellKey, runKeyPrefix } from '#domain';
import { aRun, startTestDatabase, type TestDatabase } from '#testing';
import {
  beginRunErasure,
  deleteExpiredWebhooks,
  eraseCells,
  eraseJobs,
  readRunErasure,
} from './retention.js';
import { insertRun } from './runs/insert-run.js';
import { readReceiptCells } from './runs/read-receipt.js';
import { readRunCalls } from './runs/run-remaining.js';
import { readCallsOfJobs, readSpending } from './runs/run-spending.js';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

const query = (sql: string, values: unknown[]) =>
  postgres.database.query<Record<string, unknown>>(sql, values);
const row = async (sql: string, id: string): Promise<Record<string, unknown>> =>
  (await query(sql, [id])).rows[0]!;

/** A job that was answered after a failed attempt, whose letter nobody wrote in fact. */
async function aJob(tenant = 'local', key: string | null = null): Promise<string> {
  const id = randomUUID();
  await query(
    `INSERT INTO jobs (id, tenant, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                       timeout_ms, request, metadata, error_detail, result, completed_at, idempotency_key, request_hash)
     VALUES ($1, $2, 'completed', 'm', 'US', 'any', 'normal', 'any', 1, 4, 1000, '{"prompt":"p"}', '{"a":1}', 'words',
             '{"response":"r"}', now(), $3::text, CASE WHEN $3::text IS NOT NULL THEN '\\x00'::bytea END)`,
    [id, tenant, key],
  );
  await query(
    `INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status, error_detail, execution_ms, started_at)
     VALUES ($1, 1, 1, 'e', 'US', 'failed', 'words', 1000, now())`,
    [id],
  );
  await query(
    `INSERT INTO dead_letters (job_id, attempts, code, detail) VALUES ($1, 1, 'MODEL_ERROR', 'words')`,
    [id],
  );
  return id;
}
const words = (id: string) =>
  row(
    `SELECT jobs.error_detail AS job, attempts.error_detail AS attempt, letter.detail AS letter,
            payload_sha256 IS NOT NULL AS hash
       FROM jobs JOIN attempts ON attempts.job_id = jobs.id JOIN dead_letters AS letter ON letter.job_id = jobs.id
      WHERE jobs.id = $1`,
    id,
  );

describe('erasing contents', () => {
  it('words of failures go with prompts, not with answers', async () => {
    const id = await aJob();
    const left = { job: 'words', attempt: 'words', letter: 'words', hash: true };
    await eraseJobs(postgres.database, [id], { prompts: false, results: true, everything: false });
    expect(await words(id)).toEqual(left);
    expect(await row(`SELECT request, result->'response' AS answer FROM jobs WHERE id = $1`, id)).toEqual({
      ...{ request: { prompt: 'p' }, answer: null },
    });
    await eraseJobs(postgres.database, [id], { prompts: true, results: false, everything: false });
    expect(await words(id)).toEqual({ job: null, attempt: null, letter: '', hash: true });
    await eraseJobs(postgres.database, [id], { prompts: true, results: true, everything: true });
    expect(await words(id)).toMatchObject({ hash: false });
  });

  it('goes on as far as it was begun: a run without a name is no run that is to be emptied', async () => {
    const run = { ...aRun(), name: '' };
    await insertRun(postgres.database, run);
    await query(`UPDATE runs SET status = 'completed', finished_at = now() WHERE id = $1`, [run.id]);
    const begin = (everything: boolean) =>
      postgres.database.transaction((client) =>
        beginRunErasure(client, run.id, { prompts: true, results: everything, everything }),
      );
    await begin(false);
    const some = { prompts: true, results: false, everything: false };
    expect(await readRunErasure(postgres.database, run.id)).toEqual(some);
    await begin(true);
    expect(await readRunErasure(postgres.database, run.id)).toEqual({
      ...{ prompts: true, results: true, everything: true },
    });
    // Retention that comes along takes nothing of that back.
    await begin(false);
    expect(await readRunErasure(postgres.database, run.id)).toMatchObject({ everything: true });
  });
});

it("a run's jobs are those of its tenant, whatever keys others give to theirs", async () => {
  const { database } = postgres;
  const run = { ...aRun({ questions: 1, regions: ['US'] }), tenant: 'anna' };
  await insertRun(database, run);
  const key = cellKey(run.id, 1, 1);
  const [own, foreign] = [await aJob('anna', key), await aJob('ben', key)];
  for (const id of [own, foreign]) {
    await query(
      `INSERT INTO stray_outcomes (job_id, attempt, epoch, endpoint_id, kind, duration_ms)
       VALUES ($1, 1, 1, 'e', 'failed', 500)`,
      [id],
    );
    await query(
      `INSERT INTO slots (job_id, attempt, epoch, endpoint_id, region, staged, started_at, lease_until)
       VALUES ($1, 1, 1, 'e', 'US', false, now(), now())`,
      [id],
    );
  }
  expect(await readCallsOfJobs(database, run.id, [key], [1])).toHaveLength(1);
  expect(await readSpending(database, run.id)).toMatchObject([{ endpointId: 'e', strayMs: 500 }]);
  expect(await readRunCalls(database, run.id)).toHaveLength(1);
  const cells = [];
  for await (const batch of readReceiptCells(database, run.id, 10)) cells.push(...batch);
  expect(cells.map(({ jobs }) => jobs.map(({ id }) => id))).toEqual([[own]]);
  await query(`DELETE FROM slots WHERE job_id = ANY ($1::uuid[])`, [[own, foreign]]);
  const everything = { prompts: true, results: true, everything: true };
  const { jobIds } = await database.transaction((client) => eraseCells(client, run.id, 0, 10, everything));
  expect(jobIds).toEqual([own]);
  expect(await words(foreign)).toMatchObject({ job: 'words' });
  expect(key).toContain(runKeyPrefix(run.id));
});

it('webhooks that have ended are deleted after their time, but for the latest of a run', async () => {
  const { database } = postgres;
  const run = aRun();
  await insertRun(database, run);
  const job = await aJob();
  const deliver = async (of: 'run_id' | 'job_id', id: string, sequence: number, days: number | null) => {
    await query(
      `INSERT INTO webhook_deliveries (${of}, sequence, event_type, url, body, status, finished_at)
       VALUES ($1, $2, 'x', 'http://h/', '{}', CASE WHEN $3::float8 IS NULL THEN 'pending' ELSE 'delivered' END,
               now() - make_interval(secs => $3::float8 * 86400))`,
      [id, sequence, days],
    );
  };
  await deliver('run_id', run.id, 1, 40);
  await deliver('run_id', run.id, 2, 10);
  await deliver('run_id', run.id, 3, 35);
  await deliver('job_id', job, 1, 40);
  await deliver('job_id', await aJob(), 1, 10);
  await deliver('job_id', await aJob(), 1, null);
  expect(await deleteExpiredWebhooks(database, 30, 1)).toBe(1);
  expect(await deleteExpiredWebhooks(database, 30, 10)).toBe(1);
  expect(await deleteExpiredWebhooks(database, 30, 10)).toBe(0);
  const { rows } = await query(
    `SELECT sequence, run_id IS NOT NULL AS "ofRun", status FROM webhook_deliveries
      WHERE run_id = $1 OR job_id IS NOT NULL ORDER BY delivery_no`,
    [run.id],
  );
  expect(rows).toEqual([
    { sequence: 2, ofRun: true, status: 'delivered' },
    { sequence: 3, ofRun: true, status: 'delivered' },
    { sequence: 1, ofRun: false, status: 'delivered' },
    { sequence: 1, ofRun: false, status: 'pending' },
  ]);
});
