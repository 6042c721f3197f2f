import { randomUUID, createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import {
  checkReceipt,
  comparisonSchema,
  receiptKeySchema,
  signedReceiptSchema,
  type ComparisonView,
  type ReceiptKeyView,
  type SignedReceipt,
} from '#contracts';
import { canonicalJson, cellKey, runKeyPrefix } from '#domain';
import { createLogger, Metrics } from '#observability';
import {
  acceptAnswers,
  cancelPendingCells,
  closeCells,
  finishRun,
  insertJobs,
  insertRun,
  keepStrayOutcomes,
  makeCells,
  markSubmitting,
  openGate,
  putCellsBack,
  recordGateDecision,
  recordJobIds,
  requestEnding,
  startRun,
  type Database,
} from '#persistence';
import { aRun, hashOf, startTestDatabase, type RunShape, type TestDatabase } from '#testing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ProblemFilter } from '../http/problem-filter.js';
import { guardRoutes } from '../access/guard-routes.js';
import { OpenDoor } from '../access/service-token.js';
import { LimitLog } from '../limits/limit-log.js';
import { RateLimits } from '../limits/rate-limits.js';
import { RouteTable } from '../http/route-table.js';
import { RunsModule } from './runs.module.js';

let postgres: TestDatabase;
let database: Database;
const routers: { app: NestFastifyApplication; url: string }[] = [];

beforeAll(async () => {
  postgres = await startTestDatabase();
  ({ database } = postgres);
  await startRouter();
});
afterAll(async () => {
  for (const { app } of routers) await app.close();
  await postgres.close();
});

async function startRouter(): Promise<string> {
  const logger = createLogger('test', 'fatal');
  const configuration = parseConfiguration(
    JSON.stringify({
      regions: { US: null, EU: null },
      endpoints: [{ id: 'e', region: 'US', models: ['m1'], url: 'http://localhost:1/' }],
    }),
    'test',
  );
  const hints = { request: () => undefined, announce: () => undefined, onEvents: () => undefined };
  const adapter = new FastifyAdapter({ forceCloseConnections: true });
  const rateLimits = new RateLimits(() => configuration.limits, new LimitLog(new Metrics('test'), logger));
  guardRoutes(adapter.getInstance(), database, new OpenDoor(undefined), rateLimits);
  const app = await NestFactory.create<NestFastifyApplication>(
    RunsModule.register({ database, configuration, hints, logger }),
    adapter,
    { logger: false },
  );
  app.useGlobalFilters(new ProblemFilter(logger, new RouteTable()));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  routers.push({ app, url });
  return url;
}

const url = (): string => routers[0]!.url;

async function aStoredRun(shape: RunShape = {}): Promise<string> {
  const run = aRun(shape);
  await insertRun(database, run);
  await startRun(database, run.id);
  return run.id;
}

interface Attempt {
  readonly status: 'succeeded' | 'failed';
  readonly region: string;
  readonly code?: string;
}

/** What router and runner leave of one try of a cell: its job, whose key names the cell, and its attempts. */
async function aJob(
  runId: string,
  cellNo: number,
  cellAttempt: number,
  answer: string | null,
  attempts: Attempt[],
): Promise<string> {
  const id = randomUUID();
  await insertJobs(database, [
    {
      ...{
        id,
        ...{ tenant: 'local', key_id: null, run_id: runId, task_type: null },
        model: 'm1',
        home_region: 'US',
        preferred_region: 'US',
        region_policy: 'pin',
        priority: 'normal',
      },
      ...{ lane: 'pin:US', order_key: 1, max_attempts: 4, timeout_ms: 1000, deadline: null, request: {} },
      ...{ metadata: null, webhook_url: null, idempotency_key: cellKey(runId, cellNo, cellAttempt) },
      request_hash: '00',
      ...{ default_timeout: false, awaited: false },
    },
  ]);
  const last = attempts.at(-1);
  await database.query(
    `UPDATE jobs SET state = $2, attempt = $3, result = $4, error_code = $5, completed_at = now() WHERE id = $1`,
    [
      id,
      answer === null ? 'failed' : 'completed',
      attempts.length,
      answer === null ? null : JSON.stringify({ response: answer, region: last?.region }),
      last?.code ?? null,
    ],
  );
  for (const [index, { status, region, code }] of attempts.entries())
    await database.query(
      `INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status, error_code, cold_start, reattached,
                             execution_ms, attested, started_at, finished_at)
       VALUES ($1, $2, 1, $3, $4, $5, $6, true, $7, 1234, $8, now(), now())`,
      [
        id,
        index + 1,
        `${region}-m1`,
        region,
        status,
        code ?? null,
        index > 0,
        JSON.stringify({
          upstream_call_id: `fc-${index}`,
          model_revision: 'rev1',
          gpu: 'T4',
          container_id: 'ta-1',
          tokens_in: 7,
        }),
      ],
    );
  await markSubmitting(database, runId, [cellNo]);
  await recordJobIds(database, runId, [{ cellNo, cellAttempt, jobId: id }]);
  return id;
}

async function answer(
  runId: string,
  cellNo: number,
  text: string,
  region: string,
  cellAttempt = 1,
): Promise<string> {
  const jobId = await aJob(runId, cellNo, cellAttempt, text, [{ status: 'succeeded', region }]);
  const { rows } = await database.query<{ startedAt: Date }>(
    `SELECT started_at AS "startedAt" FROM attempts WHERE job_id = $1`,
    [jobId],
  );
  const askedAt = rows[0]!.startedAt.toISOString();
  const settled = await acceptAnswers(database, runId, [
    {
      ...{ cellNo, cellAttempt, jobAttempts: 1, answer: text, answeredRegion: region },
      ...{ endpointId: `${region}-m1`, inferenceTimeS: 1.5, tokensGenerated: 3, askedAt },
    },
  ]);
  expect(settled).toHaveLength(1);
  return jobId;
}

async function receiptOf(runId: string): Promise<SignedReceipt> {
  const response = await fetch(`${url()}/runs/${runId}/receipt`);
  expect(response.status).toBe(200);
  const bytes = Buffer.from(await response.arrayBuffer());
  const raw: unknown = JSON.parse(bytes.toString());
  expect(bytes.equals(Buffer.from(canonicalJson(raw)))).toBe(true);
  const signed = signedReceiptSchema.parse(raw);
  expect(signed).toEqual(raw);
  const { signature, receipt } = signed;
  const key = createPublicKey({
    key: Buffer.from(signature.public_key, 'base64'),
    format: 'der',
    type: 'spki',
  });
  const signedBytes = Buffer.from(canonicalJson(receipt));
  expect(verify(null, signedBytes, key, Buffer.from(signature.value, 'base64'))).toBe(true);
  expect(checkReceipt(receipt)).toEqual([]);
  return signed;
}

const keyOf = async (base: string): Promise<ReceiptKeyView> =>
  receiptKeySchema.parse(await (await fetch(`${base}/receipts/key`)).json());

describe('GET /runs/{id}/receipt', () => {
  it('lists answers, earlier jobs, substitutes, missing answers and stray outcomes, and adds up', async () => {
    const runId = await aStoredRun({
      questions: 2,
      policy: 'prefer',
      gatesAfter: [1],
      systemPrompts: { EU: 'be brief' },
    });
    const own = await answer(runId, 1, 'héllo "world"', 'US');
    await answer(runId, 2, 'from abroad', 'US');
    const lost = await aJob(runId, 3, 1, null, [
      { status: 'failed', region: 'US', code: 'CONNECTION_LOST' },
      { status: 'failed', region: 'US', code: 'MODEL_ERROR' },
    ]);
    await putCellsBack(database, runId, [
      { cellNo: 3, cellAttempt: 1, jobAttempts: 2, code: 'MODEL_ERROR', pauseMs: 0 },
    ]);
    await answer(runId, 3, 'at last', 'US', 2);
    await aJob(runId, 4, 1, null, [{ status: 'failed', region: 'EU', code: 'EXECUTION_TIMEOUT' }]);
    await closeCells(database, runId, 'failed', [
      { cellNo: 4, cellAttempt: 1, jobAttempts: 1, code: 'EXECUTION_TIMEOUT' },
    ]);
    await keepStrayOutcomes(database, [
      {
        job_id: own,
        attempt: 1,
        epoch: 9,
        endpoint_id: 'US-m1',
        kind: 'succeeded',
        error_code: null,
        duration_ms: 77,
      },
    ]);
    await openGate(database, runId, 'q1');
    await recordGateDecision(database, runId, 'q1', 'approved');
    await finishRun(database, runId, 'completed_with_failures');

    const { receipt } = await receiptOf(runId);
    expect(receipt).toMatchObject({
      ended: true,
      run: {
        run_id: runId,
        status: 'completed_with_failures',
        parameters: { temperature: 0.1, max_tokens: 64 },
      },
      gates: [{ gate_id: 'q1', after_question: 'q1', status: 'approved' }],
      counts: {
        cells: 4,
        answered: 2,
        substituted: 1,
        missing: 1,
        failed: 1,
        jobs: 5,
        attempts: 6,
        stray_outcomes: 1,
      },
      missing: [{ cell_no: 4, question_id: 'q2', region: 'EU', reason: 'EXECUTION_TIMEOUT' }],
      substitutes: [{ cell_no: 2, region: 'EU', answered_region: 'US' }],
      stray_outcomes: [{ cell_no: 1, job_id: own, kind: 'succeeded', execution_ms: 77 }],
    });
    expect(receipt.cells[0]).toMatchObject({
      ...{
        status: 'accepted',
        job_id: own,
        answer_sha256: hashOf('héllo "world"'),
        tokens_in: 7,
        tokens_generated: 3,
      },
      ...{ model_revision: 'rev1', gpu: 'T4', container_id: 'ta-1', cold_start: true },
    });
    expect(receipt.cells[2]?.jobs).toMatchObject([
      {
        ...{ job_id: lost, cell_attempt: 1, state: 'failed', error_code: 'MODEL_ERROR' },
        attempts: [
          { attempt: 1, error_code: 'CONNECTION_LOST', reattached: false, upstream_call_id: 'fc-0' },
          { attempt: 2, error_code: 'MODEL_ERROR', reattached: true, execution_ms: 1234 },
        ],
      },
      { cell_attempt: 2, state: 'completed', answer_sha256: hashOf('at last') },
    ]);
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'question 1' },
    ];
    expect(receipt.questions[0]).toEqual({
      question_id: 'q1',
      erased: false,
      text_sha256: hashOf('question 1'),
      prompts: {
        US: { system_sha256: null, prompt_sha256: hashOf(canonicalJson(messages.slice(1))) },
        EU: { system_sha256: hashOf('be brief'), prompt_sha256: hashOf(canonicalJson(messages)) },
      },
    });
  });

  it('says that a run goes on, and what has not been asked', async () => {
    const runId = await aStoredRun({ questions: 2 });
    await answer(runId, 1, 'yes', 'US');
    await markSubmitting(database, runId, [2]);
    const { receipt } = await receiptOf(runId);
    expect(receipt).toMatchObject({
      ended: false,
      run: { status: 'running', finished_at: null },
      counts: { cells: 4, answered: 1, missing: 3, submitted: 1, pending: 2 },
    });
    expect(receipt.missing.map(({ reason }) => reason)).toEqual(['BEING_ASKED', 'NOT_ASKED', 'NOT_ASKED']);
  });

  it('lists cells whose rows are still being made', async () => {
    const run = aRun({ questions: 2 });
    await insertRun(database, run, 0);
    await makeCells(database, run.id, 3, 'pending');
    const { receipt } = await receiptOf(run.id);
    expect(receipt).toMatchObject({
      ended: false,
      run: { status: 'planned', total_cells: 4 },
      counts: { cells: 4, answered: 0, missing: 4, submitted: 0, pending: 4 },
    });
    expect(receipt.cells.map(({ cell_no: cellNo }) => cellNo)).toEqual([1, 2, 3, 4]);
    expect(receipt.missing.map(({ reason }) => reason)).toEqual(Array(4).fill('NOT_ASKED'));
  });

  it('says why a run that was ended early has no answers', async () => {
    const runId = await aStoredRun({ questions: 1, gatesAfter: [1] });
    await recordGateDecision(database, runId, 'q1', 'rejected');
    await requestEnding(database, runId, 'rejected');
    await cancelPendingCells(database, runId, 10);
    await finishRun(database, runId, 'rejected');
    const { receipt } = await receiptOf(runId);
    expect(receipt.missing.map(({ reason }) => reason)).toEqual(['GATE_REJECTED', 'GATE_REJECTED']);
  });

  it('counts an answer that no cell took', async () => {
    const runId = await aStoredRun({ questions: 1, regions: ['US'] });
    await aJob(runId, 1, 1, 'from elsewhere', [{ status: 'succeeded', region: 'EU' }]);
    await closeCells(database, runId, 'failed', [
      { cellNo: 1, cellAttempt: 1, jobAttempts: 1, code: 'REGION_MISMATCH' },
    ]);
    await finishRun(database, runId, 'failed');
    const { receipt } = await receiptOf(runId);
    expect(receipt.counts).toMatchObject({ answered: 0, substituted: 0, missing: 1, answers_not_taken: 1 });
  });

  it('says when each answer was asked for, as the attempt does, and so do the results', async () => {
    const runId = await aStoredRun({ questions: 1 });
    await answer(runId, 1, 'yes', 'US');
    const [asked, notAsked] = (await receiptOf(runId)).receipt.cells;
    expect(asked?.asked_at).toBe(asked?.jobs[0]?.attempts[0]?.started_at);
    expect(notAsked).toMatchObject({ status: 'pending', asked_at: null });
    const results = await (await fetch(`${url()}/runs/${runId}/results`)).json();
    expect(results).toMatchObject({ results: [{ asked_at: asked?.asked_at }, { asked_at: null }] });
    const csv = await (await fetch(`${url()}/runs/${runId}/results?format=csv`)).text();
    expect(csv.split('\r\n')[1]).toMatch(new RegExp(`,${asked?.asked_at},false$`));
  });

  it('shows a time that was changed behind its back', async () => {
    const runId = await aStoredRun({ questions: 1, regions: ['US'] });
    await answer(runId, 1, 'yes', 'US');
    await database.query(
      `UPDATE attempts SET started_at = started_at + interval '1 minute',
                                 finished_at = finished_at + interval '1 minute'
                           WHERE job_id = (SELECT job_id FROM cells WHERE run_id = $1)`,
      [runId],
    );
    const signed = signedReceiptSchema.parse(await (await fetch(`${url()}/runs/${runId}/receipt`)).json());
    expect(checkReceipt(signed.receipt).join()).toContain('not within the attempt that answered it');
  });

  it('names what bounds the run, and every pause, resumption and reopening', async () => {
    const run = aRun({ questions: 1 });
    const budget = { usd: 5, gpu_seconds: null };
    await insertRun(database, { ...run, spec: { ...run.spec, max_skew_s: 30, budget } });
    await startRun(database, run.id);
    const send = async (control: string, body?: unknown): Promise<void> => {
      const response = await fetch(`${url()}/runs/${run.id}/${control}`, {
        method: 'POST',
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      expect(response.ok).toBe(true);
    };
    expect((await receiptOf(run.id)).receipt.run).toMatchObject({ max_skew_s: 30, budget, history: [] });
    await send('pause');
    expect((await receiptOf(run.id)).receipt.run).toMatchObject({
      status: 'paused',
      history: [{ type: 'run.paused' }],
    });
    await send('resume');
    await answer(run.id, 1, 'yes', 'US');
    await markSubmitting(database, run.id, [2]);
    await closeCells(database, run.id, 'failed', [
      { cellNo: 2, cellAttempt: 1, jobAttempts: 0, code: 'CALL_CANCELLED' },
    ]);
    await finishRun(database, run.id, 'completed_with_failures');
    await send('retry-failed', { budget: { usd: 7 } });
    const { receipt } = await receiptOf(run.id);
    expect(receipt.run).toMatchObject({
      budget: { usd: 7, gpu_seconds: null },
      history: [
        { type: 'run.paused' },
        { type: 'run.resumed' },
        { type: 'run.reopened', reason: 'retry_failed', cells: 1 },
      ],
    });
    const { rows } = await database.query<{ at: Date }>(
      `SELECT at FROM run_events WHERE run_id = $1 AND type <> 'run.finished' ORDER BY seq`,
      [run.id],
    );
    expect(receipt.run.history?.map(({ at }) => at)).toEqual(rows.map(({ at }) => at.toISOString()));
    // The control: nothing bounds another run.
    expect((await receiptOf(await aStoredRun())).receipt.run).toMatchObject({
      ...{ max_skew_s: null, budget: null, history: [] },
    });
  });

  it('shows that attempts were removed behind its back', async () => {
    const runId = await aStoredRun({ questions: 1, regions: ['US'] });
    const jobId = await answer(runId, 1, 'yes', 'US');
    await finishRun(database, runId, 'completed');
    await database.query(`DELETE FROM attempts WHERE job_id = $1`, [jobId]);
    const signed = signedReceiptSchema.parse(await (await fetch(`${url()}/runs/${runId}/receipt`)).json());
    expect(checkReceipt(signed.receipt).join()).toContain('lists 0 attempts, but 1 were counted');
  });

  it('knows no other run', async () => {
    expect((await fetch(`${url()}/runs/${randomUUID()}/receipt`)).status).toBe(404);
    expect((await fetch(`${url()}/runs/nonsense/receipt`)).status).toBe(404);
  });

  it('holds 100,000 cells, and other requests are answered while it is written', async () => {
    const run = aRun({ questions: 1000, repeats: 10, models: ['a', 'b', 'c', 'd', 'e'] });
    await insertRun(database, run, run.totalCells);
    await fillWithAnswers(run.id);
    let [answered, done] = [0, false];
    const receipt = fetch(`${url()}/runs/${run.id}/receipt`)
      .then(async (response) => Buffer.from(await response.arrayBuffer()))
      .finally(() => (done = true));
    while (!done) {
      await fetch(`${url()}/receipts/key`);
      answered += 1;
    }
    const bytes = await receipt;
    // One after the other: whoever writes it in one go answers one.
    expect(answered).toBeGreaterThan(20);
    expect(bytes.length).toBeLessThan(200_000_000);
    const signed = JSON.parse(bytes.toString()) as SignedReceipt;
    expect(signed.receipt.counts).toMatchObject({ cells: 100_000, answered: 100_000, attempts: 100_000 });
    expect(checkReceipt(signed.receipt)).toEqual([]);
  });
});

/** Every cell answered, as if by its job, made where it is stored. */
async function fillWithAnswers(runId: string): Promise<void> {
  await database.query(
    `INSERT INTO jobs (id, state, model, home_region, region_policy, priority, lane, order_key, attempt, max_attempts,
                       timeout_ms, request, idempotency_key, result)
     SELECT gen_random_uuid(), 'completed', model, region, 'pin', 'normal', 'any', 1, 1, 4, 1000, '{}',
            $2::text || cell_no || ':1',
            jsonb_build_object('response', 'answer ' || cell_no, 'region', region)
       FROM cells WHERE run_id = $1`,
    [runId, runKeyPrefix(runId)],
  );
  await database.query(
    `INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status, execution_ms, attested, started_at, finished_at)
     SELECT id, 1, 1, home_region || '-' || model, home_region, 'succeeded', 1234,
            '{"upstream_call_id":"fc-01K9ZC2V5Q","model_revision":"0123456789abcdef","gpu":"T4","container_id":"ta-01K9ZC2V5Q"}',
            now(), now()
       FROM jobs WHERE starts_with(idempotency_key, $1)`,
    [runKeyPrefix(runId)],
  );
  await database.query(
    `UPDATE cells SET state = 'accepted', attempts = 1, job_id = jobs.id, answer = jobs.result->>'response',
                      answered_region = region, endpoint_id = home_region || '-' || jobs.model,
                      inference_time_s = 1.234, tokens_generated = 120, finished_at = now()
       FROM jobs
      WHERE cells.run_id = $1 AND jobs.idempotency_key = $2::text || cell_no || ':1'`,
    [runId, runKeyPrefix(runId)],
  );
  await database.query('ANALYZE');
}

describe('GET /receipts/key', () => {
  it('is one key, however many routers ask at once for the first time', async () => {
    await database.query(`DELETE FROM receipt_keys`);
    const other = await startRouter();
    const keys = await Promise.all([url(), other, url(), other, url(), other].map(keyOf));
    expect(new Set(keys.map(({ public_key }) => public_key)).size).toBe(1);
    const { signature } = await receiptOf(await aStoredRun());
    expect(keys[0]).toMatchObject({
      key_id: signature.key_id,
      public_key: signature.public_key,
      retired: [],
    });
  });

  it('is another one after it was retired, and the old one is still told', async () => {
    const before = await keyOf(url());
    await database.query(
      `UPDATE receipt_keys SET retired_at = now(), private_key = NULL WHERE retired_at IS NULL`,
    );
    const { signature } = await receiptOf(await aStoredRun());
    const after = await keyOf(url());
    expect(after.key_id).toBe(signature.key_id);
    expect(after.key_id).not.toBe(before.key_id);
    expect(after.retired).toMatchObject([{ key_id: before.key_id, public_key: before.public_key }]);
  });
});

describe('GET /runs/{id}/comparison', () => {
  const compare = async (runId: string, query = ''): Promise<ComparisonView> =>
    comparisonSchema.parse(await (await fetch(`${url()}/runs/${runId}/comparison${query}`)).json());

  it('puts the answers to one question side by side, each compared with each', async () => {
    const runId = await aStoredRun({ questions: 2, regions: ['US', 'EU', 'ASIA'], policy: 'prefer' });
    await answer(runId, 1, 'The capital is Paris.', 'US');
    await answer(runId, 2, 'The capital is Paris!', 'US');
    await answer(runId, 3, "I'm sorry, but I cannot answer that.", 'ASIA');
    const first = await compare(runId);
    expect(first).toMatchObject({
      ...{ question_id: 'q1', question: 'question 1', repeat: 1, next_question: 'q2', next_cursor: null },
      answers: [
        { region: 'US', characters: 21, words: 4, refusal: false, substituted: false },
        { region: 'EU', answered_region: 'US', substituted: true },
        { region: 'ASIA', refusal: true, refusal_phrase: expect.stringContaining('sorry') },
      ],
      similarities: [
        { left: { region: 'US' }, right: { region: 'EU' }, substituted: true, similarity: 1 },
        { left: { region: 'US' }, right: { region: 'ASIA' }, substituted: false, similarity: 0 },
        { left: { region: 'EU' }, right: { region: 'ASIA' }, substituted: true, similarity: 0 },
      ],
    });
    expect(await compare(runId, '?question=q2')).toMatchObject({
      ...{ question_id: 'q2', next_question: null, similarities: [] },
      answers: [{ status: 'pending', response: null, refusal: null, words: null, error_code: null }, {}, {}],
    });
    await database.query(
      `UPDATE cells SET state = 'failed', error_code = 'BUDGET_REACHED' WHERE run_id = $1 AND question_no = 2 AND pair_no = 1`,
      [runId],
    );
    expect((await compare(runId, '?question=q2')).answers).toMatchObject([
      { status: 'failed', error_code: 'BUDGET_REACHED' },
      { status: 'pending', error_code: null },
      {},
    ]);
  });

  it('goes on page by page where there are many answers', async () => {
    const models = Array.from({ length: 60 }, (_, index) => `m${index}`);
    const runId = await aStoredRun({ questions: 1, models, repeats: 2 });
    const first = await compare(runId, '?repeat=2');
    expect([first.answers.length, first.next_cursor]).toEqual([100, 100]);
    const second = await compare(runId, '?repeat=2&cursor=100');
    expect([second.answers.length, second.next_cursor]).toEqual([20, null]);
    const names = [...first.answers, ...second.answers].map(({ model, region }) => `${model} ${region}`);
    expect(new Set(names).size).toBe(120);
  });

  it('puts less on a page where answers are long', async () => {
    const runId = await aStoredRun({ questions: 1, regions: ['US', 'EU', 'ASIA'] });
    for (const [index, region] of ['US', 'EU', 'ASIA'].entries())
      await answer(runId, index + 1, 'x'.repeat(3_000_000), region);
    const page = await compare(runId);
    expect([page.answers.length, page.next_cursor]).toEqual([2, 2]);
    expect((await compare(runId, '?cursor=2')).answers).toMatchObject([{ region: 'ASIA' }]);
  });

  it.each([
    ['?question=q9', 'question'],
    ['?repeat=2', 'repeat'],
    ['?cursor=x', 'cursor'],
    ['?other=1', 'other'],
  ])('refuses %s and names the field', async (query, field) => {
    const response = await fetch(`${url()}/runs/${await aStoredRun()}/comparison${query}`);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { errors: { field: string }[] }).errors).toMatchObject([{ field }]);
  });
});

describe('GET /runs/{id}/results', () => {
  it('records the parameters of each cell, in every format', async () => {
    const runId = await aStoredRun({ questions: 1, systemPrompts: { EU: 'be brief' } });
    await answer(runId, 1, 'yes', 'US');
    const results = `${url()}/runs/${runId}/results`;
    const { results: rows } = (await (await fetch(results)).json()) as { results: Record<string, unknown>[] };
    const prompts = (await receiptOf(runId)).receipt.questions[0]?.prompts;
    expect(rows).toMatchObject([
      {
        model_revision: 'rev1',
        temperature: 0.1,
        max_tokens: 64,
        prompt_sha256: prompts?.['US']?.prompt_sha256,
      },
      {
        model_revision: null,
        temperature: 0.1,
        max_tokens: 64,
        prompt_sha256: prompts?.['EU']?.prompt_sha256,
      },
    ]);
    const [header, first] = (await (await fetch(`${results}?format=csv`)).text()).split('\r\n');
    expect(header).toMatch(
      /^question_id,.*,accepted_at,model_revision,temperature,max_tokens,prompt_sha256,seed,asked_at,erased$/,
    );
    expect(first).toContain(`,rev1,0.1,64,${prompts?.['US']?.prompt_sha256}`);
    const jsonl = await (await fetch(`${results}?format=jsonl`)).text();
    expect(
      jsonl
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rows);
  });
});
