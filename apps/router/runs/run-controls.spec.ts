import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { LOCAL_CALLER, type Caller, type KeyLimits } from '#domain';
import { createLogger, Metrics } from '#observability';
import {
  acceptAnswers,
  cancelPendingCells,
  closeCells,
  expireGate,
  finishRun,
  insertRun,
  lockRun,
  markSubmitting,
  openGate,
  readResults,
  readRunEvents,
  requestEnding,
  setRunStatus,
  startRun,
  type Database,
} from '#persistence';
import { aRun, startTestDatabase, type RunShape, type TestDatabase } from '#testing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ProblemFilter } from '../http/problem-filter.js';
import { guardRoutes } from '../access/guard-routes.js';
import { OpenDoor } from '../access/service-token.js';
import { LimitLog } from '../limits/limit-log.js';
import { RateLimits } from '../limits/rate-limits.js';
import { RouteTable } from '../http/route-table.js';
import { DailyBudget } from '../ledger/daily-budget.js';
import { RunPlanner } from './run-planner.js';
import { RunReopening } from './run-reopening.js';
import { RunsModule } from './runs.module.js';

const configuration = parseConfiguration(
  JSON.stringify({
    limits: { run_cells: 40 },
    regions: { US: null, EU: null },
    endpoints: [
      ...['US', 'EU'].map((region) => ({
        ...{ id: `${region}-m1`, region, models: ['m1'], url: 'http://localhost:1/' },
      })),
      { id: 'odd', region: 'US', models: ['unpriced'], gpu: 'TPU', url: 'http://localhost:1/' },
      { id: 'other', region: 'US', models: ['bought'], protocol: 'openai', url: 'http://localhost:1/' },
    ],
  }),
  'test',
);

let postgres: TestDatabase;
let database: Database;
let app: NestFastifyApplication;
let url: string;
const told: string[] = [];

beforeAll(async () => {
  postgres = await startTestDatabase();
  ({ database } = postgres);
  const logger = createLogger('test', 'fatal');
  const hints = {
    request: (runId: string) => void told.push(runId),
    announce: () => undefined,
    onEvents: () => undefined,
  };
  const adapter = new FastifyAdapter({ forceCloseConnections: true });
  const rateLimits = new RateLimits(() => configuration.limits, new LimitLog(new Metrics('test'), logger));
  guardRoutes(adapter.getInstance(), database, new OpenDoor(undefined), rateLimits);
  app = await NestFactory.create<NestFastifyApplication>(
    RunsModule.register({ database, configuration, hints, logger }),
    adapter,
    { logger: false },
  );
  app.useGlobalFilters(new ProblemFilter(logger, new RouteTable()));
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(async () => {
  await app.close();
  await postgres.close();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(url + path, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function view(runId: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${url}/runs/${runId}`)).json()) as Record<string, unknown>;
}

async function stored(shape: RunShape = {}): Promise<string> {
  const run = aRun(shape);
  await insertRun(database, run);
  return run.id;
}

async function running(shape: RunShape = {}): Promise<string> {
  const runId = await stored(shape);
  await startRun(database, runId);
  return runId;
}

async function atGate(): Promise<string> {
  const runId = await running({ gatesAfter: [1] });
  await database.transaction(async (client) => {
    await lockRun(client, runId);
    await openGate(client, runId, 'q1');
    await setRunStatus(client, runId, 'awaiting_approval');
  });
  return runId;
}

async function eventTypes(runId: string): Promise<string[]> {
  return (await readRunEvents(database, runId, '0', 1000)).map(({ type }) => type);
}

describe('pausing and resuming', () => {
  it('says the same however often it is asked, tells the runner, and is logged as one event each', async () => {
    const runId = await running();
    for (const _ of [1, 2]) {
      expect(await post(`/runs/${runId}/pause`)).toEqual({
        status: 200,
        body: { run_id: runId, status: 'paused' },
      });
    }
    expect(told).toContain(runId);
    expect((await view(runId))['status']).toBe('paused');
    for (const _ of [1, 2]) {
      expect(await post(`/runs/${runId}/resume`)).toEqual({
        status: 200,
        body: { run_id: runId, status: 'running' },
      });
    }
    expect(await eventTypes(runId)).toEqual(['run.paused', 'run.resumed']);
  });

  it('holds a run that never began, which is planned again afterwards', async () => {
    const runId = await stored();
    await post(`/runs/${runId}/pause`);
    expect((await post(`/runs/${runId}/resume`)).body['status']).toBe('planned');
  });

  it('leaves a gate open that the run stands before: it waits again once it is resumed', async () => {
    const runId = await atGate();
    await post(`/runs/${runId}/pause`);
    expect(await view(runId)).toMatchObject({ status: 'paused', gates: [{ status: 'waiting' }] });
    expect((await post(`/runs/${runId}/resume`)).body['status']).toBe('awaiting_approval');
  });

  it('lets people approve meanwhile, and goes on only when it is resumed', async () => {
    const runId = await atGate();
    await post(`/runs/${runId}/pause`);
    expect((await post(`/runs/${runId}/gates/q1/approve`)).status).toBe(200);
    expect(await view(runId)).toMatchObject({ status: 'paused', gates: [{ status: 'approved' }] });
    expect((await post(`/runs/${runId}/resume`)).body['status']).toBe('running');
  });

  it.each(['reject', 'expire', 'cancel'])('does not keep it from ending: %s', async (how) => {
    const runId = await atGate();
    await post(`/runs/${runId}/pause`);
    if (how === 'reject') await post(`/runs/${runId}/gates/q1/reject`);
    else if (how === 'cancel') await post(`/runs/${runId}/cancel`);
    else {
      await database.query(`UPDATE gates SET expires_at = now() WHERE run_id = $1`, [runId]);
      expect(await expireGate(database, runId, 'q1')).toBe(true);
    }
    const { rows } = await database.query<{ ending: string }>(`SELECT ending FROM runs WHERE id = $1`, [
      runId,
    ]);
    expect(rows[0]?.ending).toMatch(new RegExp(`^${how}`));
    for (const control of ['pause', 'resume']) {
      const late = await post(`/runs/${runId}/${control}`);
      expect([late.status, late.body['code']]).toEqual([409, 'RUN_FINISHED']);
    }
  });

  it('is refused once the run has ended, and where there is none', async () => {
    const runId = await running();
    await finishRun(database, runId, 'completed');
    for (const control of ['pause', 'resume']) {
      const late = await post(`/runs/${runId}/${control}`);
      expect([late.status, late.body['code']]).toEqual([409, 'RUN_FINISHED']);
      const none = await post(`/runs/00000000-0000-4000-8000-000000000000/${control}`);
      expect([none.status, none.body['code']]).toEqual([404, 'RUN_NOT_FOUND']);
    }
  });

  it('leaves the run in one state, however pauses, resumes, decisions and a cancellation race', async () => {
    for (let round = 0; round < 8; round += 1) {
      const runId = await atGate();
      const asked = ['pause', 'resume', 'gates/q1/approve', 'pause', 'resume', 'gates/q1/approve'];
      if (round % 2 === 1) asked.splice(round % asked.length, 0, 'cancel');
      const answers = await Promise.all(asked.map((what) => post(`/runs/${runId}/${what}`)));
      for (const { status, body } of answers) {
        if (status === 409) expect(body['code']).toBe('RUN_FINISHED');
        else expect([200, 202]).toContain(status);
      }
      const { status, cancelling, gates } = await view(runId);
      expect(cancelling).toBe(asked.includes('cancel'));
      // A cancellation that came first leaves the gate undecided: each approval was told so.
      const isApproved = answers.some(
        (answer, index) => asked[index]?.endsWith('approve') && answer.status === 200,
      );
      expect(isApproved || asked.includes('cancel')).toBe(true);
      expect(gates).toMatchObject([{ status: isApproved ? 'approved' : 'waiting' }]);
      expect(isApproved ? ['running', 'paused'] : ['awaiting_approval', 'paused']).toContain(status);
      // Each pause is followed by a resume or stands last: nobody's change was written over.
      const controls = (await eventTypes(runId)).filter((type) => /paused|resumed/.test(type));
      expect(controls).toEqual(controls.map((_, index) => (index % 2 === 0 ? 'run.paused' : 'run.resumed')));
      expect(controls.at(-1) === 'run.paused').toBe(status === 'paused');
    }
  });
});

/** What the runner leaves: each cell accepted or failed, in the order of the cells. */
async function ended(
  shape: RunShape,
  states: readonly ('accepted' | 'failed')[],
  status: string,
): Promise<string> {
  const runId = await running(shape);
  for (const [index, state] of states.entries()) {
    const cellNo = index + 1;
    const cellTry = { cellNo, cellAttempt: 1, jobAttempts: 1 };
    await markSubmitting(database, runId, [cellNo]);
    if (state === 'failed')
      await closeCells(database, runId, 'failed', [{ ...cellTry, code: 'UPSTREAM_ERROR' }]);
    else
      await acceptAnswers(database, runId, [
        {
          ...cellTry,
          ...{ answer: `answer ${cellNo}`, answeredRegion: cellNo % 2 === 1 ? 'US' : 'EU' },
          ...{ endpointId: 'e', inferenceTimeS: 1, tokensGenerated: 1, askedAt: null },
        },
      ]);
  }
  await database.query(`UPDATE runs SET status = $2, finished_at = now() WHERE id = $1`, [runId, status]);
  return runId;
}

async function cells(runId: string) {
  const all = [];
  for await (const batch of readResults(database, runId, 1000)) all.push(...batch);
  return all;
}

const partlyFailed = (): Promise<string> =>
  ended({ questions: 2 }, ['accepted', 'failed', 'failed', 'accepted'], 'completed_with_failures');

describe('asking again what has no answer', () => {
  it('makes the failed cells pending, leaves the others alone, and says the same while the run goes on', async () => {
    const runId = await partlyFailed();
    const before = await cells(runId);
    for (const body of [undefined, {}, undefined]) {
      expect(await post(`/runs/${runId}/retry-failed`, body)).toEqual({
        status: 202,
        body: { run_id: runId, status: 'running', retried_cells: 2 },
      });
    }
    const after = await cells(runId);
    expect(after.map(({ state }) => state)).toEqual(['accepted', 'pending', 'pending', 'accepted']);
    expect([after[0], after[3]]).toEqual([before[0], before[3]]);
    expect(await view(runId)).toMatchObject({
      ...{ status: 'running', finished_at: null },
      progress: { accepted: 2, failed: 0, pending: 2 },
    });
    expect(await eventTypes(runId)).toEqual(['run.reopened']);
    expect(told).toContain(runId);
  });

  it('is one decision, whoever asks at once', async () => {
    const runId = await partlyFailed();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(`/runs/${runId}/retry-failed`)));
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
    expect(await eventTypes(runId)).toEqual(['run.reopened']);
  });

  it('takes a cancellation back, and has the gate decided that nobody had decided', async () => {
    const runId = await atGate();
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await requestEnding(client, runId, 'cancelled');
      await cancelPendingCells(client, runId, 10);
      await finishRun(client, runId, 'cancelled');
    });
    expect((await post(`/runs/${runId}/retry-failed`)).body).toMatchObject({
      status: 'running',
      retried_cells: 4,
    });
    expect(await view(runId)).toMatchObject({
      ...{ status: 'running', cancelling: false },
      gates: [{ status: 'pending', expires_at: null }],
      progress: { cancelled: 0, pending: 4 },
    });
  });

  it('has nothing to do where every answer is there', async () => {
    const runId = await ended({ questions: 1 }, ['accepted', 'accepted'], 'completed');
    expect(await post(`/runs/${runId}/retry-failed`)).toMatchObject({
      status: 202,
      body: { status: 'completed', retried_cells: 0 },
    });
    expect(await eventTypes(runId)).toEqual([]);
  });

  it.each([
    ['running', 'RUN_NOT_FINISHED'],
    ['paused', 'RUN_NOT_FINISHED'],
    ['rejected', 'GATE_DECIDED'],
    ['expired', 'GATE_DECIDED'],
  ])('is refused where the run is %s', async (status, code) => {
    const runId = await running();
    if (status === 'paused') await post(`/runs/${runId}/pause`);
    else if (status !== 'running')
      await database.query(`UPDATE runs SET status = $2, finished_at = now() WHERE id = $1`, [runId, status]);
    const answer = await post(`/runs/${runId}/retry-failed`);
    expect([answer.status, answer.body['code']]).toEqual([409, code]);
  });
});

describe('letting an ended run go on', () => {
  const hints = { request: () => undefined, announce: () => undefined, onEvents: () => undefined };
  const ask = (caller: Partial<Caller>) => {
    const reopening = new RunReopening(
      ...([database, configuration, new RunPlanner(database, configuration), hints] as const),
      ...([createLogger('test', 'fatal'), new DailyBudget(database)] as const),
    );
    const whole: Caller = { ...LOCAL_CALLER, kind: 'key', keyId: 'k', roles: ['submit'], ...caller };
    return {
      retry: (runId: string) => reopening.retryFailed(runId, {}, whole),
      extend: (runId: string) => reopening.extend(runId, { repeats: 2 }, whole),
    };
  };
  const inside: KeyLimits = { models: ['m1'], regions: ['US', 'EU'], priorities: ['normal'] };

  it.each<[string, KeyLimits, string, string]>([
    ['has cost what it may today', { budget_micro_usd_per_day: 0 }, 'BUDGET_EXHAUSTED', 'budget_micro'],
    ['may not use its model', { models: ['m2'] }, 'FORBIDDEN', 'models[0]'],
    ['may not use its regions', { regions: ['US'] }, 'FORBIDDEN', 'regions[1]'],
    ['may not use the priority of cells', { priorities: ['low'] }, 'FORBIDDEN', 'priority'],
  ])('is refused to a key that %s', async (_what, limits, code, names) => {
    const runId = await partlyFailed();
    const before = await cells(runId);
    for (const how of ['retry', 'extend'] as const) {
      await expect(ask({ limits })[how](runId)).rejects.toMatchObject({
        ...{ code, message: expect.stringContaining(names) },
      });
    }
    expect(await cells(runId)).toEqual(before);
    expect(await eventTypes(runId)).toEqual([]);
    // Operations let it go on for others, and within its own limits a key does.
    if (code === 'FORBIDDEN') expect((await ask({ limits: inside }).retry(runId)).retried_cells).toBe(2);
    else expect((await ask({ limits, roles: ['operate'] }).retry(runId)).retried_cells).toBe(2);
    // And what is under way already is said to anybody.
    expect((await ask({ limits }).retry(runId)).retried_cells).toBe(2);
  });

  it('holds operations to the limits of their key where it is their own run', async () => {
    const runId = await partlyFailed();
    await database.query(`UPDATE runs SET key_id = 'k' WHERE id = $1`, [runId]);
    const own = ask({ roles: ['operate'], limits: { models: ['m2'] } });
    for (const how of ['retry', 'extend'] as const)
      await expect(own[how](runId)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('asking for more repeats', () => {
  it('adds cells after those there are, and changes nothing when asked again', async () => {
    const runId = await partlyFailed();
    const before = await cells(runId);
    const first = await post(`/runs/${runId}/extend`, { repeats: 3 });
    expect(first).toEqual({
      status: 202,
      body: { run_id: runId, status: 'running', repeats: 3, total_cells: 12, added_cells: 8 },
    });
    expect(await post(`/runs/${runId}/extend`, { repeats: 3 })).toEqual({
      status: 202,
      body: { ...first.body, added_cells: 0 },
    });
    const after = await cells(runId);
    expect(after.slice(0, 4)).toEqual(before);
    expect(after.slice(4).map((cell) => [cell.cellNo, cell.questionId, cell.repeat, cell.region])).toEqual([
      [5, 'q1', 2, 'US'],
      [6, 'q1', 2, 'EU'],
      [7, 'q1', 3, 'US'],
      [8, 'q1', 3, 'EU'],
      [9, 'q2', 2, 'US'],
      [10, 'q2', 2, 'EU'],
      [11, 'q2', 3, 'US'],
      [12, 'q2', 3, 'EU'],
    ]);
    const run = await view(runId);
    expect(run).toMatchObject({
      ...{ status: 'running', repeats: 3, total_cells: 12 },
      progress: { total: 12, accepted: 2, failed: 2, pending: 8, by_question: [{ total: 6 }, { total: 6 }] },
      plan: { order: 'pipeline', reason: 'as requested', cells_per_endpoint: { 'US-m1': 4, 'EU-m1': 4 } },
    });
    expect((run['plan'] as { orders: unknown[] }).orders.length).toBeGreaterThan(0);
    const comparison = await fetch(`${url}/runs/${runId}/comparison?question=q1&repeat=3`);
    expect(comparison.status).toBe(200);
  });

  it.each([
    [{ repeats: 1 }, 'must be at least 2'],
    [{ repeats: 11 }, 'the limit is 40'],
    [{ repeats: 0 }, 'must be at least 1'],
    [{}, 'is missing'],
  ])('refuses %j and names the field and its limit', async (body, message) => {
    const runId = await ended({ questions: 2, repeats: 2 }, [], 'failed');
    const answer = await post(`/runs/${runId}/extend`, body);
    expect([answer.status, answer.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
    expect(answer.body['errors']).toMatchObject([
      { field: 'repeats', message: expect.stringContaining(message) },
    ]);
  });

  it.each([
    ['running', 'RUN_NOT_FINISHED'],
    ['cancelled', 'RUN_FINISHED'],
    ['rejected', 'GATE_DECIDED'],
    ['expired', 'GATE_DECIDED'],
  ])('is refused where the run is %s', async (status, code) => {
    const runId = await running();
    if (status !== 'running')
      await database.query(`UPDATE runs SET status = $2, finished_at = now() WHERE id = $1`, [runId, status]);
    const answer = await post(`/runs/${runId}/extend`, { repeats: 2 });
    expect([answer.status, answer.body['code']]).toEqual([409, code]);
  });

  it('is done once by clients that ask at once for the same and for different repeats', async () => {
    const runId = await ended({ questions: 1 }, ['accepted', 'accepted'], 'completed');
    const answers = await Promise.all(
      [2, 3, 2, 3, 2, 3].map((repeats) => post(`/runs/${runId}/extend`, { repeats })),
    );
    const { repeats } = await view(runId);
    expect([2, 3]).toContain(repeats);
    expect(answers.filter(({ body }) => Number(body['added_cells']) > 0)).toHaveLength(1);
    expect(await cells(runId)).toHaveLength(2 * Number(repeats));
    for (const { status, body } of answers)
      if (status === 202) expect(body['repeats']).toBe(repeats);
      else expect(status === 400 || body['code'] === 'RUN_NOT_FINISHED').toBe(true);
  });
});

describe('budgets', () => {
  const body = (changes: Record<string, unknown>) => ({
    questions: [{ id: 'q1', text: 'why?' }],
    ...{ models: ['m1'], regions: ['US', 'EU'], ...changes },
  });

  it.each([
    [{ usd: 2 }, { usd: 2, gpu_seconds: null }],
    [{ gpu_seconds: 900.5 }, { usd: null, gpu_seconds: 900.5 }],
    [
      { usd: 0.01, gpu_seconds: 1 },
      { usd: 0.01, gpu_seconds: 1 },
    ],
    [undefined, { usd: null, gpu_seconds: null }],
  ])('of %j are kept with the run and shown beside what it has spent', async (budget, shown) => {
    const created = await post('/runs', body(budget === undefined ? {} : { budget }));
    expect(created.status).toBe(202);
    expect((await view(created.body['run_id'] as string))['budget']).toEqual({
      ...shown,
      ...{ spent_usd: 0, spent_gpu_seconds: 0, committed_usd: 0, committed_gpu_seconds: 0 },
    });
  });

  it.each([
    [{ budget: {} }, 'budget', 'needs usd or gpu_seconds'],
    [{ budget: { usd: 0 } }, 'budget.usd', 'must be more than 0'],
    [{ budget: { gpu_seconds: -1 } }, 'budget.gpu_seconds', 'must be more than 0'],
    [{ budget: { eur: 1 } }, 'budget.eur', 'not a known field'],
    [{ deadline_s: 0 }, 'deadline_s', 'must be more than 0'],
    [
      { budget: { usd: 1 }, models: ['unpriced'], regions: ['US'] },
      'budget.usd',
      'GPU "TPU" of endpoint odd',
    ],
    [{ budget: { usd: 1 }, models: ['m1', 'bought'] }, 'budget.usd', 'calls of endpoint other'],
  ])('%j are refused: the field and the reason are named', async (changes, field, message) => {
    const answer = await post('/runs', body(changes));
    expect([answer.status, answer.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
    expect(answer.body['errors']).toContainEqual({ field, message: expect.stringContaining(message) });
  });

  it('in GPU seconds need no price', async () => {
    const created = await post('/runs', body({ budget: { gpu_seconds: 60 }, models: ['unpriced'] }));
    expect(created.status).toBe(202);
  });

  it('and a deadline are taken by the planner for the choice of the order', async () => {
    const plan = await post('/runs/plan', body({ budget: { usd: 0.000001 }, deadline_s: 1 }));
    expect(plan).toMatchObject({ status: 200, body: { feasible: false } });
    const created = await post('/runs', body({ deadline_s: 3600, budget: { usd: 5 } }));
    expect(created.status).toBe(202);
  });

  it.each(['retry-failed', 'extend'])('are raised by %s, and never lowered', async (control) => {
    const runId = await partlyFailed();
    const more = control === 'extend' ? { repeats: 2 } : {};
    const path = `/runs/${runId}/${control}`;
    expect((await post(path, { ...more, budget: { gpu_seconds: 5 } })).status).toBe(202);
    expect((await post(path, { ...more, budget: { gpu_seconds: 7, usd: 1 } })).status).toBe(202);
    expect(await view(runId)).toMatchObject({ budget: { gpu_seconds: 7, usd: 1 } });
    const lower = await post(path, { ...more, budget: { gpu_seconds: 6 } });
    expect([lower.status, lower.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
    expect(lower.body['errors']).toEqual([
      { field: 'budget.gpu_seconds', message: 'must be at least 7, which the run has' },
    ]);
  });
});

async function acceptedAt(runId: string, cellNo: number, askedAt: string): Promise<void> {
  await markSubmitting(database, runId, [cellNo]);
  const answeredRegion = cellNo % 2 === 1 ? 'US' : 'EU';
  const settled = await acceptAnswers(database, runId, [
    {
      ...{ cellNo, cellAttempt: 1, jobAttempts: 1, answer: 'so', answeredRegion, endpointId: 'e' },
      ...{ inferenceTimeS: 1, tokensGenerated: 1, askedAt },
    },
  ]);
  expect(settled).toHaveLength(1);
}

describe('a bound on the time skew', () => {
  const body = (changes: Record<string, unknown>) => ({
    questions: [{ id: 'q1', text: 'why?' }],
    ...{ models: ['m1'], regions: ['US', 'EU'], ...changes },
  });

  it('has regions go side by side where the order is free, and is shown with what is measured', async () => {
    const created = await post('/runs', body({ max_skew_s: 30 }));
    expect(created).toMatchObject({
      status: 202,
      body: {
        plan: { order: 'pipeline', requested_order: 'auto', reason: expect.stringContaining('max_skew_s') },
      },
    });
    const runId = created.body['run_id'] as string;
    expect(await view(runId)).toMatchObject({
      ...{ max_skew_s: 30, worst_skew_s: null, skew_kept: null },
      progress: { by_question: [{ skew_s: null, skew_exceeded: false }] },
    });
  });

  it('is judged by what was measured; answers beyond it are kept, and show', async () => {
    const questions = ['q1', 'q2', 'q3'].map((id) => ({ id, text: 'why?' }));
    const runId = (await post('/runs', body({ max_skew_s: 30, questions }))).body['run_id'] as string;
    await startRun(database, runId);
    const accepted = (cellNo: number, askedAt: string) => acceptedAt(runId, cellNo, askedAt);
    await accepted(1, '2026-11-01T12:00:00.000Z');
    // One region alone is no skew.
    expect(await view(runId)).toMatchObject({ worst_skew_s: null, skew_kept: null });
    await accepted(2, '2026-11-01T12:00:30.000Z');
    expect(await view(runId)).toMatchObject({
      ...{ worst_skew_s: 30, skew_kept: true },
      progress: { by_question: [{ skew_s: 30, skew_exceeded: false }, { skew_s: null }, { skew_s: null }] },
    });
    await accepted(3, '2026-11-01T12:26:00.000Z');
    await accepted(4, '2026-11-01T12:01:00.500Z');
    expect(await view(runId)).toMatchObject({
      ...{ max_skew_s: 30, worst_skew_s: 1499.5, skew_kept: false },
      progress: {
        accepted: 4,
        by_question: [
          { skew_s: 30, skew_exceeded: false },
          { skew_s: 1499.5, skew_exceeded: true },
          { skew_s: null, skew_exceeded: false },
        ],
      },
    });
  });

  it('is not judged where there is none', async () => {
    const runId = (await post('/runs', body({}))).body['run_id'] as string;
    await startRun(database, runId);
    await acceptedAt(runId, 1, '2026-11-01T12:00:00.000Z');
    await acceptedAt(runId, 2, '2026-11-01T13:00:00.000Z');
    expect(await view(runId)).toMatchObject({
      ...{ max_skew_s: null, worst_skew_s: null, skew_kept: null },
      progress: { by_question: [{ skew_s: null, skew_exceeded: false }] },
    });
  });

  it('is refused with an order that asks one region after the other', async () => {
    const answer = await post('/runs', body({ max_skew_s: 30, order: 'region' }));
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'max_skew_s' }] } });
  });
});
