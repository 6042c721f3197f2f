import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { runProgressEventSchema, type RunProgressEvent } from '#contracts';
import { createLogger, Metrics } from '#observability';
import {
  acceptAnswers,
  addExecutionTimes,
  appendRunEvents,
  closeCells,
  expireGate,
  finishRun,
  insertRun,
  lockRun,
  makeCells,
  markSubmitting,
  openGate,
  setRunStatus,
  startRun,
  type Database,
} from '#persistence';
import { aRun, startTestDatabase, until, type TestDatabase } from '#testing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ProblemFilter } from '../http/problem-filter.js';
import { guardRoutes } from '../access/guard-routes.js';
import { OpenDoor } from '../access/service-token.js';
import { LimitLog } from '../limits/limit-log.js';
import { RateLimits } from '../limits/rate-limits.js';
import { RouteTable } from '../http/route-table.js';
import { RunEventFeed, type EventStream } from './run-event-feed.js';
import type { RunHints } from './run-hints.js';
import { RunReader } from './run-reader.js';
import { RunsModule } from './runs.module.js';

const MODELS = ['llama', 'qwen', 'mistral'];
const configuration = parseConfiguration(
  JSON.stringify({
    limits: { run_cells: 100_000, prompt_bytes: 1000 },
    regions: { US: { aliases: ['us-east'] }, EU: { aliases: ['eu-west'] }, ASIA: null },
    endpoints: ['US', 'EU', 'ASIA'].flatMap((region) =>
      MODELS.filter((model) => region !== 'US' || model !== 'mistral').map((model) => ({
        id: `${region}-${model}`,
        region,
        models: [model],
        url: 'http://localhost:1/',
      })),
    ),
    questions: [{ id: 'bank1', text: 'from the bank', system: 'be brief' }],
  }),
  'test',
);

const requested: string[] = [];
let announce: (runId: string) => void = () => undefined;
const hints: RunHints = {
  request: (runId) => void requested.push(runId),
  announce: (runId) => announce(runId),
  onEvents: (handle) => {
    announce = handle;
  },
};

let postgres: TestDatabase;
let database: Database;
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  postgres = await startTestDatabase();
  ({ database } = postgres);
  const logger = createLogger('test', 'fatal');
  const adapter = new FastifyAdapter({ bodyLimit: 8_388_608, forceCloseConnections: true });
  const rateLimits = new RateLimits(() => configuration.limits, new LimitLog(new Metrics('test'), logger));
  guardRoutes(adapter.getInstance(), database, new OpenDoor(undefined), rateLimits);
  app = await NestFactory.create<NestFastifyApplication>(
    RunsModule.register({ database, configuration, hints, logger, feed: { clientsMax: 3, heartbeatMs: 50 } }),
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

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const question = (id: string) => ({ id, text: `text of ${id}` });
const body = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: 'bias',
  questions: Array.from({ length: 8 }, (_, index) => question(`q${index + 1}`)),
  models: MODELS,
  regions: ['US', 'EU', 'ASIA'],
  ...changes,
});

async function created(changes: Record<string, unknown> = {}): Promise<string> {
  const answer = await call('POST', '/runs', body(changes));
  expect(answer.status).toBe(202);
  return answer.body['run_id'] as string;
}

/** Does to cells what the runner does. */
async function submit(runId: string, cellNos: number[]): Promise<void> {
  await markSubmitting(database, runId, cellNos);
}
async function accept(runId: string, cellNo: number, answer: string, answeredRegion: string): Promise<void> {
  await submit(runId, [cellNo]);
  const settled = await acceptAnswers(database, runId, [
    {
      cellNo,
      cellAttempt: 1,
      jobAttempts: 1,
      answer,
      answeredRegion,
      endpointId: 'e',
      inferenceTimeS: 1.5,
      tokensGenerated: 3,
      askedAt: null,
    },
  ]);
  expect(settled).toHaveLength(1);
}

describe('POST /runs', () => {
  it('accepts 8 questions x 3 models x 3 regions as 64 cells and names the pair that is deployed nowhere', async () => {
    const answer = await call('POST', '/runs', body());
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      status: 'planned',
      total_cells: 64,
      unavailable: [{ model: 'mistral', region: 'US' }],
      plan: { order: 'pipeline', requested_order: 'auto', estimated_makespan_seconds: null },
    });
    const plan = answer.body['plan'] as { cells_per_endpoint: Record<string, number> };
    expect(Object.values(plan.cells_per_endpoint)).toEqual(Array(8).fill(8));
    expect(requested).toContain(answer.body['run_id']);
    const view = await call('GET', `/runs/${String(answer.body['run_id'])}`);
    expect(view.body['progress']).toMatchObject({
      total: 64,
      accepted: 0,
      by_region: { US: { total: 16 }, EU: { total: 24 }, ASIA: { total: 24 } },
      by_model: { mistral: { total: 16 } },
    });
  });

  it('resolves aliases and questions of the bank', async () => {
    const runId = await created({
      questions: ['bank1', question('own')],
      regions: ['us-east', 'EU-West'],
      models: ['qwen'],
    });
    const view = await call('GET', `/runs/${runId}`);
    expect(view.body).toMatchObject({
      regions: ['US', 'EU'],
      progress: { total: 4, by_question: [{ question_id: 'bank1' }, {}] },
    });
    const { rows } = await database.query(
      `SELECT text, systems FROM run_questions WHERE run_id = $1 AND question_no = 1`,
      [runId],
    );
    expect(rows).toEqual([{ text: 'from the bank', systems: { '': 'be brief' } }]);
  });

  it('is offered the questions of the bank, in pages', async () => {
    expect(await call('GET', '/questions')).toEqual({
      status: 200,
      body: {
        questions: [{ id: 'bank1', text: 'from the bank', system: 'be brief' }],
        next_cursor: null,
      },
    });
    expect((await call('GET', '/questions?limit=1&cursor=1')).body).toEqual({
      questions: [],
      next_cursor: null,
    });
    expect((await call('GET', '/questions?limit=0')).body['code']).toBe('VALIDATION_FAILED');
  });

  it('gives cells to pairs that another region may answer, where the policy lets it', async () => {
    const answer = await call('POST', '/runs', body({ region_policy: 'prefer' }));
    expect(answer.body).toMatchObject({ total_cells: 72, unavailable: [] });
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['an unknown model', { models: ['llama', 'gpt'] }, 'models[1]', 'UNKNOWN_MODEL'],
    ['an unknown region', { regions: ['US', 'MARS'] }, 'regions[1]', 'VALIDATION_FAILED'],
    ['a region named twice', { regions: ['US', 'us-east'] }, 'regions[1]', 'VALIDATION_FAILED'],
    ['a model named twice', { models: ['qwen', 'qwen'] }, 'models[1]', 'VALIDATION_FAILED'],
    [
      'a question id used twice',
      { questions: [question('a'), question('a')] },
      'questions[1]',
      'VALIDATION_FAILED',
    ],
    ['a question that the bank lacks', { questions: ['nope'] }, 'questions[0]', 'VALIDATION_FAILED'],
    [
      'a question without text',
      { questions: [question('a'), { id: 'b' }] },
      'questions[1].text',
      'VALIDATION_FAILED',
    ],
    [
      'a question with an unknown field',
      { questions: [{ ...question('a'), txt: 1 }] },
      'questions[0].txt',
      'VALIDATION_FAILED',
    ],
    [
      'a text that is too long',
      { questions: [{ id: 'a', text: 'x'.repeat(1001) }] },
      'questions[0].text',
      'VALIDATION_FAILED',
    ],
    [
      'a text that is too long with its system prompt',
      { questions: [{ id: 'a', text: 'x'.repeat(990) }], system_prompts: { EU: 'y'.repeat(20) } },
      'questions[0]',
      'VALIDATION_FAILED',
    ],
    ['too many repeats', { repeats: 1001 }, 'repeats', 'VALIDATION_FAILED'],
    ['an unknown order', { order: 'random' }, 'order', 'VALIDATION_FAILED'],
    [
      'a gate after no question',
      { gates: [{ after_question: 'zzz' }] },
      'gates[0].after_question',
      'VALIDATION_FAILED',
    ],
    [
      'a prompt for an unknown region',
      { system_prompts: { MARS: 'x' } },
      'system_prompts.MARS',
      'VALIDATION_FAILED',
    ],
    ['a seed that is no integer', { seed: 1.5 }, 'seed', 'VALIDATION_FAILED'],
    ['a seed below 0', { seed: -1 }, 'seed', 'VALIDATION_FAILED'],
    ['an unknown order of questions', { question_order: 'random' }, 'question_order', 'VALIDATION_FAILED'],
    [
      'shuffled questions with gates',
      { question_order: 'shuffled', gates: [{ after_question: 'q1' }] },
      'question_order',
      'VALIDATION_FAILED',
    ],
    ['an unknown field', { webhook: 1 }, 'webhook', 'VALIDATION_FAILED'],
    [
      'a webhook to a private address',
      { webhook_url: 'http://169.254.169.254/latest' },
      'webhook_url',
      'VALIDATION_FAILED',
    ],
    [
      'a webhook that is not of the web',
      { webhook_url: 'ftp://example.org' },
      'webhook_url',
      'VALIDATION_FAILED',
    ],
    [
      'more cells than allowed',
      { repeats: 1000, questions: Array.from({ length: 13 }, (_, i) => question(`q${i}`)) },
      'questions',
      'VALIDATION_FAILED',
    ],
  ])('refuses %s and names the field', async (_what, changes, field, code) => {
    const answer = await call('POST', '/runs', body(changes));
    expect(answer.status).toBe(400);
    expect(answer.body['code']).toBe(code);
    expect((answer.body['errors'] as { field: string }[]).map((error) => error.field)).toContain(field);
  });

  it('queues webhooks where there is a webhook_url, and shows what became of them', async () => {
    const gates = [{ after_question: 'q1' }];
    const answer = await call('POST', '/runs', body({ gates, webhook_url: 'https://hooks.example.org/x' }));
    expect(answer).toMatchObject({ status: 202, body: { warnings: [] } });
    const runId = answer.body['run_id'] as string;
    const webhooksOf = async (id: string): Promise<unknown> =>
      (await call('GET', `/runs/${id}`)).body['webhooks'];
    const none = { pending: 0, delivered: 0, failed: 0, last_error_code: null };
    expect(await webhooksOf(runId)).toEqual(none);
    const approve = (): Promise<Answer> => call('POST', `/runs/${runId}/gates/q1/approve`);
    expect((await approve()).status).toBe(200);
    expect((await approve()).status).toBe(200);
    // One decision, one event.
    expect(await webhooksOf(runId)).toEqual({ ...none, pending: 1 });
    expect(await webhooksOf(await created())).toBeNull();
  });

  it('asks the questions as they are given, or in an order that the seed decides and that can be read', async () => {
    const orderOf = async (runId: string): Promise<{ seed: unknown; ids: string[] }> => {
      const view = (await call('GET', `/runs/${runId}`)).body;
      const { by_question: questions } = view['progress'] as { by_question: { question_id: string }[] };
      return { seed: view['seed'], ids: questions.map(({ question_id: id }) => id) };
    };
    const given = ['q1', 'q2', 'q3', 'q4', 'q5', 'q6', 'q7', 'q8'];
    expect(await orderOf(await created())).toEqual({ seed: null, ids: given });
    expect(await orderOf(await created({ seed: 5 }))).toEqual({ seed: 5, ids: given });
    const shuffled = await orderOf(await created({ seed: 5, question_order: 'shuffled' }));
    expect(shuffled.ids).not.toEqual(given);
    expect([...shuffled.ids].sort()).toEqual(given);
    expect(await orderOf(await created({ seed: 5, question_order: 'shuffled' }))).toEqual(shuffled);
    // Without a seed one is drawn and recorded, so that the order can be had again.
    const drawn = await orderOf(await created({ question_order: 'shuffled' }));
    expect(drawn.seed).toEqual(expect.any(Number));
    expect(await orderOf(await created({ seed: drawn.seed, question_order: 'shuffled' }))).toEqual(drawn);
  });

  it('refuses a run of which nothing is deployed', async () => {
    const answer = await call('POST', '/runs', body({ models: ['mistral'], regions: ['US'] }));
    expect([answer.status, answer.body['code']]).toEqual([400, 'MODEL_NOT_IN_REGION']);
  });

  it('makes one run per idempotency key, however often and at once it is asked', async () => {
    const headers = { 'idempotency-key': 'key-1' };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/runs', body(), headers)),
    );
    expect(new Set(answers.map((answer) => answer.body['run_id'])).size).toBe(1);
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    const other = await call('POST', '/runs', body({ name: 'other' }), headers);
    expect([other.status, other.body['code']]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    const same = await call('POST', '/runs', Object.fromEntries(Object.entries(body()).reverse()), headers);
    expect(same.status).toBe(202);
  });
});

describe('100,000 cells', () => {
  it('are accepted, counted and read to the last', async () => {
    const runId = await created({
      questions: [question('a'), question('b')],
      repeats: 1000,
      models: MODELS,
      regions: ['EU', 'ASIA'],
    });
    const big = aRun({ questions: 1000, repeats: 10, models: ['a', 'b', 'c', 'd', 'e'] });
    await insertRun(database, big);
    const view = await call('GET', `/runs/${big.id}`);
    expect(view.body['progress']).toMatchObject({ total: 100_000, pending: 100_000 });
    expect((await call('GET', `/runs/${runId}`)).body['total_cells']).toBe(12_000);
    const lines = (await (await fetch(`${url}/runs/${big.id}/results?format=jsonl`)).text())
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(100_000);
  });

  it('are shown the same before their rows are made, meanwhile and after', async () => {
    const answer = await call('POST', '/runs', body({ repeats: 300, order: 'question' }));
    expect(answer).toMatchObject({ status: 202, body: { status: 'planned', total_cells: 19_200 } });
    const runId = answer.body['run_id'] as string;
    const shown = async () => {
      const [view, comparison, list, results] = await Promise.all([
        call('GET', `/runs/${runId}`),
        call('GET', `/runs/${runId}/comparison?question=q3&repeat=200`),
        call('GET', '/runs?limit=1'),
        fetch(`${url}/runs/${runId}/results?format=csv`).then((response) => response.text()),
      ]);
      return { view: view.body, comparison: comparison.body, list: list.body, results };
    };
    const before = await shown();
    expect(before.view).toMatchObject({
      status: 'planned',
      progress: { total: 19_200, pending: 19_200, accepted: 0, running: 0 },
    });
    const { by_question: questions, by_pair: pairs } = before.view['progress'] as Record<string, object[]>;
    expect(questions).toHaveLength(8);
    expect(questions?.[7]).toMatchObject({ question_id: 'q8', done: 0, total: 2400 });
    expect(pairs?.[7]).toMatchObject({ done: 0, total: 2400 });
    expect(before.comparison['answers']).toHaveLength(8);
    expect(before.results.trimEnd().split('\r\n')).toHaveLength(19_201);
    await makeCells(database, runId, 10_000, 'pending');
    expect(await shown()).toEqual(before);
    await makeCells(database, runId, 10_000, 'pending');
    expect(await shown()).toEqual(before);
  });

  it('can be paused, resumed and cancelled before they are made, and neither retried nor extended', async () => {
    const runId = await created({ repeats: 300 });
    expect((await call('POST', `/runs/${runId}/pause`)).body).toMatchObject({ status: 'paused' });
    expect((await call('POST', `/runs/${runId}/resume`)).body).toMatchObject({ status: 'planned' });
    expect((await call('POST', `/runs/${runId}/retry-failed`)).body).toMatchObject({
      code: 'RUN_NOT_FINISHED',
    });
    expect((await call('POST', `/runs/${runId}/extend`, { repeats: 301 })).body).toMatchObject({
      code: 'RUN_NOT_FINISHED',
    });
    expect((await call('POST', `/runs/${runId}/cancel`)).body).toMatchObject({ cancelling: true });
    expect((await call('GET', `/runs/${runId}`)).body).toMatchObject({
      cancelling: true,
      progress: { total: 19_200, pending: 19_200, cancelled: 0 },
    });
  });
});

describe('GET /runs/{id}', () => {
  it("counts by question, region and model, and never counts a substitute as the region's own", async () => {
    const runId = await created({
      region_policy: 'prefer',
      regions: ['US', 'EU'],
      models: ['llama'],
      questions: [question('a'), question('b')],
    });
    await accept(runId, 1, 'from home', 'US');
    await accept(runId, 2, 'from abroad', 'US');
    await submit(runId, [3, 4]);
    await closeCells(database, runId, 'failed', [
      { cellNo: 3, cellAttempt: 1, jobAttempts: 2, code: 'MODEL_ERROR' },
    ]);
    const { body: view } = await call('GET', `/runs/${runId}`);
    expect(view['progress']).toMatchObject({
      total: 4,
      accepted: 2,
      substituted: 1,
      failed: 1,
      running: 1,
      by_question: [
        { question_id: 'a', done: 2, total: 2 },
        { question_id: 'b', done: 1, total: 2 },
      ],
      by_region: {
        US: { done: 2, total: 2, accepted: 1, failed: 1, running: 0, substituted: 0 },
        EU: { done: 1, total: 2, accepted: 0, failed: 0, running: 1, substituted: 1 },
      },
    });
  });

  it('has the planner say what it takes and what is left, cold starts included', async () => {
    await addExecutionTimes(database, [{ region: 'ASIA', model: 'qwen', cold: false, executionMs: 2000 }]);
    const runId = await created({ regions: ['ASIA'], models: ['qwen'] });
    expect((await call('GET', `/runs/${runId}`)).body).toMatchObject({
      eta_seconds: 150 + 8 * 2,
      plan: { order: 'pipeline', estimated_makespan_seconds: 150 + 8 * 2, assumed_times: true },
    });
  });

  it.each(['00000000-0000-4000-8000-000000000000', 'nonsense'])('knows no run %s', async (id) => {
    const answer = await call('GET', `/runs/${id}`);
    expect([answer.status, answer.body['code']]).toEqual([404, 'RUN_NOT_FOUND']);
  });
});

describe('GET /runs', () => {
  it('lists the newest first, page by page', async () => {
    const runIds = [await created(), await created(), await created()].reverse();
    const first = await call('GET', '/runs?limit=2');
    const ids = (answer: Answer) => (answer.body['runs'] as { run_id: string }[]).map(({ run_id: id }) => id);
    expect(ids(first)).toEqual(runIds.slice(0, 2));
    const second = await call('GET', `/runs?limit=2&cursor=${String(first.body['next_cursor'])}`);
    expect(ids(second)[0]).toBe(runIds[2]);
    expect((await call('GET', '/runs?cursor=x')).status).toBe(400);
    expect((await call('GET', '/runs?limit=0')).status).toBe(400);
  });

  it('says how far each is, as the run itself does', async () => {
    const made = { regions: ['US', 'EU'], models: ['llama'], questions: [question('a'), question('b')] };
    const [begun, untouched] = [await created(made), await created({ ...made, repeats: 3 })];
    await accept(begun, 1, 'an answer', 'US');
    const { body } = await call('GET', '/runs?limit=2');
    expect(body['runs']).toMatchObject([
      { run_id: untouched, progress: { total: 12, accepted: 0, running: 0, pending: 12 } },
      { run_id: begun, progress: { total: 4, accepted: 1, substituted: 0, failed: 0, cancelled: 0 } },
    ]);
    for (const { run_id: id, progress } of body['runs'] as { run_id: string; progress: object }[])
      expect((await call('GET', `/runs/${id}`)).body['progress']).toMatchObject(progress);
  });
});

describe('GET /runs/{id}/results', () => {
  it('gives one row per cell in each format, and texts that no spreadsheet takes for a formula', async () => {
    const runId = await created({ regions: ['US', 'EU'], models: ['llama'], questions: [question('a')] });
    await accept(runId, 1, '=cmd|"x"!A1,\nsecond line', 'US');
    const json = await call('GET', `/runs/${runId}/results`);
    expect(json.body).toMatchObject({
      run_id: runId,
      results: [
        {
          question_id: 'a',
          model: 'llama',
          region: 'US',
          repeat: 1,
          status: 'accepted',
          response: '=cmd|"x"!A1,\nsecond line',
          answered_region: 'US',
          substituted: false,
          attempts: 1,
          inference_time: 1.5,
          tokens_generated: 3,
        },
        { region: 'EU', status: 'pending', response: null, accepted_at: null },
      ],
    });
    const csv = await fetch(`${url}/runs/${runId}/results?format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const text = await csv.text();
    expect(text.split('\r\n')).toHaveLength(4);
    expect(text).toContain(`a,llama,US,1,accepted,"'=cmd|""x""!A1,\nsecond line",US,false,`);
    const jsonl = await (await fetch(`${url}/runs/${runId}/results?format=jsonl`)).text();
    expect(
      jsonl
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(json.body['results']);
    expect((await call('GET', `/runs/${runId}/results?format=xml`)).status).toBe(400);
  });
});

describe('gates and cancellation', () => {
  async function atGate(): Promise<string> {
    const runId = await created({ gates: [{ after_question: 'q1' }] });
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await startRun(client, runId);
      await openGate(client, runId, 'q1');
      await setRunStatus(client, runId, 'awaiting_approval');
    });
    return runId;
  }

  it('is not decided any more once the run is being ended: it could not be passed if the run went on some day', async () => {
    const runId = await created({ gates: [{ after_question: 'q1' }] });
    expect((await call('POST', `/runs/${runId}/cancel`)).status).toBe(202);
    for (const decision of ['approve', 'reject']) {
      const { status, body } = await call('POST', `/runs/${runId}/gates/q1/${decision}`);
      expect([status, body['code']]).toEqual([409, 'RUN_FINISHED']);
    }
    const { body } = await call('GET', `/runs/${runId}`);
    expect(body['gates']).toMatchObject([{ gate_id: 'q1', status: 'pending' }]);
  });

  it('approves once, says the same again, and refuses the other decision', async () => {
    const runId = await atGate();
    const approve = `/runs/${runId}/gates/q1/approve`;
    expect(await call('POST', approve)).toEqual({
      status: 200,
      body: { run_id: runId, gate_id: 'q1', status: 'approved' },
    });
    expect((await call('POST', approve)).status).toBe(200);
    const reject = await call('POST', `/runs/${runId}/gates/q1/reject`);
    expect([reject.status, reject.body['code']]).toEqual([409, 'GATE_DECIDED']);
    expect((await call('GET', `/runs/${runId}`)).body).toMatchObject({
      status: 'running',
      gates: [{ gate_id: 'q1', status: 'approved' }],
    });
  });

  it('lets one of two opposite decisions win that come at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const runId = await atGate();
      const answers = await Promise.all(
        ['approve', 'reject', 'approve', 'reject'].map((decision) =>
          call('POST', `/runs/${runId}/gates/q1/${decision}`),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409]);
    }
  });

  it('is decided once by 200 clients that race with each other and with expiry, and all are told the same', async () => {
    const decided = new Set<unknown>();
    // The time to decide is over before, among and after the calls.
    for (const [round, expiresInMs] of [0, 20, 60, 120, 250, 10_000].entries()) {
      const runId = await atGate();
      await database.query(
        `UPDATE gates SET expires_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE run_id = $1`,
        [runId, expiresInMs],
      );
      const gate = `/runs/${runId}/gates/q1`;
      const expiries: Promise<boolean>[] = [];
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, client) => {
          const decision = (client + round) % 2 === 0 ? 'approve' : 'reject';
          if (client % 5 === 0) expiries.push(expireGate(database, runId, 'q1'));
          return { decision, ...(await call('POST', `${gate}/${decision}`)) };
        }),
      );
      const swept = (await Promise.all(expiries)).filter(Boolean).length;
      const { rows } = await database.query<{ status: string; events: number; ending: string | null }>(
        `SELECT gates.status, runs.ending,
                (SELECT count(*)::integer FROM run_events
                  WHERE run_events.run_id = $1 AND type = 'gate.decided') AS events
           FROM gates JOIN runs ON runs.id = gates.run_id WHERE gates.run_id = $1`,
        [runId],
      );
      const { status, events, ending } = rows[0]!;
      expect({ status, events }).toEqual({
        status: expect.stringMatching(/^(approved|rejected|expired)$/),
        events: 1,
      });
      expect(ending).toBe(status === 'approved' ? null : status);
      expect(swept).toBeLessThanOrEqual(status === 'expired' ? 1 : 0);
      const told = answers.map(({ decision, status: code, body: { status: said, detail } }) => ({
        decision,
        answer: code === 200 ? said : detail,
      }));
      for (const { decision, answer } of told) {
        const agrees = `${decision === 'approve' ? 'approved' : 'rejected'}` === status;
        expect(answer).toBe(agrees ? status : `the gate is ${status}`);
      }
      decided.add(status);
    }
    // The control: it was a race in which people won too.
    expect(decided.has('expired')).toBe(true);
    expect(decided.size).toBeGreaterThan(1);
  });

  it('refuses a decision that comes too late, and ends the run', async () => {
    const runId = await atGate();
    await database.query(`UPDATE gates SET expires_at = now() - interval '1 second' WHERE run_id = $1`, [
      runId,
    ]);
    const answer = await call('POST', `/runs/${runId}/gates/q1/approve`);
    expect([answer.status, answer.body['code']]).toEqual([409, 'GATE_DECIDED']);
    const { rows } = await database.query(`SELECT ending FROM runs WHERE id = $1`, [runId]);
    expect(rows).toEqual([{ ending: 'expired' }]);
  });

  it('is listed while it waits, the one that expires first at the head, in pages, and not once it may not be decided', async () => {
    const expiresIn = (runId: string, seconds: number): Promise<unknown> =>
      database.query(`UPDATE gates SET expires_at = now() + $2 * interval '1 second' WHERE run_id = $1`, [
        runId,
        seconds,
      ]);
    const runs = [await atGate(), await atGate(), await atGate(), await atGate(), await atGate()];
    const [later, sooner, overdue, ended, approved] = runs as [string, string, string, string, string];
    await expiresIn(later, 60);
    await expiresIn(sooner, 30);
    await expiresIn(overdue, -1);
    await call('POST', `/runs/${ended}/cancel`);
    await call('POST', `/runs/${approved}/gates/q1/approve`);
    const listed: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { status, body } = await call('GET', `/gates?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(status).toBe(200);
      listed.push(...(body['gates'] as { run_id: string }[]).filter(({ run_id: id }) => runs.includes(id)));
      cursor = body['next_cursor'] as string | null;
    }
    expect(listed).toMatchObject([
      {
        run_id: sooner,
        run_name: 'bias',
        run_status: 'awaiting_approval',
        gate_id: 'q1',
        after_question: 'q1',
      },
      { run_id: later },
    ]);
    const wrong = await call('GET', '/gates?cursor=x');
    expect([wrong.status, wrong.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
  });

  it('knows no other gate', async () => {
    const answer = await call('POST', `/runs/${await atGate()}/gates/q2/approve`);
    expect([answer.status, answer.body['code']]).toEqual([404, 'GATE_NOT_FOUND']);
  });

  it('takes a cancellation while the run goes on, and refuses it after', async () => {
    const runId = await created();
    expect(await call('POST', `/runs/${runId}/cancel`)).toMatchObject({
      status: 202,
      body: { cancelling: true },
    });
    expect((await call('POST', `/runs/${runId}/cancel`)).status).toBe(202);
    await finishRun(database, runId, 'cancelled');
    const late = await call('POST', `/runs/${runId}/cancel`);
    expect([late.status, late.body['code']]).toEqual([409, 'RUN_FINISHED']);
  });
});

describe('GET /runs/{id}/events', () => {
  const readers: AbortController[] = [];
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.abort();
    await until('every stream is given back', () => app.get(RunEventFeed).openStreams === 0);
  });

  interface Reader {
    readonly status: number;
    text: string;
    ended: boolean;
  }

  async function follow(runId: string, lastEventId?: string): Promise<Reader> {
    const abort = new AbortController();
    readers.push(abort);
    const response = await fetch(`${url}/runs/${runId}/events`, {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
      signal: abort.signal,
    });
    const reader: Reader = { status: response.status, text: '', ended: false };
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? [])
        reader.text += decoder.decode(chunk as Uint8Array, { stream: true });
      reader.ended = true;
    })().catch(() => undefined);
    return reader;
  }

  async function append(runId: string, ...types: string[]): Promise<void> {
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await appendRunEvents(
        client,
        runId,
        types.map((type) => ({ type, data: { n: 1 } })),
      );
    });
  }

  const idsIn = ({ text }: Reader): string[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id ?? '');

  it('sends what was, then what comes, and ends with the run', async () => {
    const runId = await created();
    await append(runId, 'run.started');
    const reader = await follow(runId);
    await until('the first event is there', () => reader.text.includes('event: run.started'));
    await append(runId, 'cell.submitted');
    announce(runId);
    await until('the second event is there', () => reader.text.includes('event: cell.submitted'));
    await append(runId, 'run.finished');
    await until('the stream has ended', () => reader.ended);
    expect(reader.text).toContain(`"run_id":"${runId}"`);
    expect(idsIn(reader)).toHaveLength(3);
  });

  it('goes on after the last event the client has, without gap or repetition', async () => {
    const runId = await created();
    await append(runId, 'a', 'b', 'c', 'd', 'run.finished');
    await finishRun(database, runId, 'completed');
    const whole = await follow(runId);
    await until('the stream has ended', () => whole.ended);
    const ids = idsIn(whole);
    const rest = await follow(runId, ids[1]);
    await until('the stream has ended', () => rest.ended);
    expect(idsIn(rest)).toEqual(ids.slice(2));
    expect((await follow(runId, ids.at(-1))).status).toBe(204);
    expect((await follow(runId, 'x')).status).toBe(400);
  });

  it('finds events without word of them, and shows a sign of life meanwhile', async () => {
    const runId = await created();
    const reader = await follow(runId);
    await until('there is a heartbeat', () => reader.text.includes(': still here'));
    await append(runId, 'cell.accepted');
    await until('the event is there', () => reader.text.includes('event: cell.accepted'));
  });

  /** `progress` events of a stream, in their order. */
  const progressIn = ({ text }: Reader): RunProgressEvent[] =>
    [...text.matchAll(/^event: progress\ndata: (.*)$/gm)].map(([, json = '']) =>
      runProgressEventSchema.parse(JSON.parse(json)),
    );

  it('tells of progress between the events: all that has begun first, then the questions that changed', async () => {
    const runId = await created({ regions: ['US', 'EU'], models: ['llama'] });
    await accept(runId, 1, 'yes', 'US');
    const reader = await follow(runId);
    await until('there is progress', () => progressIn(reader).length === 1);
    expect(progressIn(reader)[0]).toMatchObject({
      ...{ run_id: runId, status: 'planned', complete: true },
      progress: {
        ...{ total: 16, accepted: 1, pending: 15 },
        by_question: [{ question_id: 'q1', done: 1, total: 2 }],
        by_region: { US: { accepted: 1, total: 8 }, EU: { accepted: 0, total: 8 } },
        by_model: { llama: { accepted: 1, total: 16 } },
      },
    });
    await accept(runId, 5, 'no', 'US');
    await append(runId, 'cell.accepted');
    announce(runId);
    await until('there is more progress', () => progressIn(reader).length > 1);
    const next = progressIn(reader)[1]!;
    expect(next.complete).toBe(false);
    expect(next.progress.by_question.map(({ question_id: id }) => id)).toEqual(['q3']);
    await append(runId, 'run.finished');
    await until('the stream has ended', () => reader.ended);
    expect(reader.text).toMatch(/event: progress\n.*\n\nid: \d+\nevent: run\.finished\n.*\n\n$/);
    // Without an id: a client comes back with that of the last stored event.
    expect(idsIn(reader)).toHaveLength(2);
    expect(reader.text).not.toMatch(/id: \d+\nevent: progress/);
  });

  it('tells of progress at most four times a second, however much happens', async () => {
    const runId = await created();
    // Before the first one can have been sent.
    const startedMs = performance.now();
    const reader = await follow(runId);
    for (let event = 0; event < 60; event += 1) {
      await append(runId, 'cell.accepted');
      announce(runId);
    }
    await append(runId, 'run.finished');
    await until('the stream has ended', () => reader.ended);
    const seconds = (performance.now() - startedMs) / 1000;
    expect(idsIn(reader)).toHaveLength(61);
    // The first one, those in between, and the last one.
    expect(progressIn(reader).length).toBeLessThanOrEqual(2 + 4 * seconds);
  });

  const never = 600_000;
  const quiet = { watchMs: never, pollMs: never, heartbeatMs: never, refreshMs: never };
  const untilTold = async (stream: EventStream | undefined, what: string): Promise<void> => {
    for (;;) {
      const next = await stream?.chunks.next();
      if (next?.done !== false) throw new Error(`the stream ended without ${what}`);
      if (next.value.includes(what)) return;
    }
  };

  it('tells of events on word of them, whenever it would look for them by itself', async () => {
    const view = (runId: string) => app.get(RunReader).view(runId);
    const feed = new RunEventFeed(database, hints, view, quiet);
    const runId = await created();
    const stream = await feed.follow(runId, '0', false);
    await untilTold(stream, 'event: progress');
    await append(runId, 'a');
    announce(runId);
    await untilTold(stream, 'event: a');
    stream?.release();
    feed.onModuleDestroy();
  });

  it('finds events of every run that is followed by one look for all, without word of them', async () => {
    const silent: RunHints = { ...hints, onEvents: () => undefined };
    const view = (runId: string) => app.get(RunReader).view(runId);
    const feed = new RunEventFeed(database, silent, view, { ...quiet, watchMs: 20 });
    const runIds = [await created(), await created(), await created()];
    const streams = await Promise.all(runIds.map((runId) => feed.follow(runId, '0', false)));
    await Promise.all(streams.map((stream) => untilTold(stream, 'event: progress')));
    for (const runId of runIds) await append(runId, 'a');
    await Promise.all(streams.map((stream) => untilTold(stream, 'event: a')));
    for (const stream of streams) stream?.release();
    feed.onModuleDestroy();
  });

  it('serves no tenant more than its share of them', async () => {
    const view = (runId: string) => app.get(RunReader).view(runId);
    const feed = new RunEventFeed(database, hints, view, { clientsMax: 8 });
    const runId = await created();
    const of = (tenant: string) =>
      feed.follow(runId, '0', false, { database, tell: (event) => event, tenant });
    const first = await of('a');
    await of('a');
    await expect(of('a')).rejects.toMatchObject({
      code: 'TOO_MANY_STREAMS',
      detail: 'this server follows at most 2 runs at once for the tenant "a", of 8 for all',
    });
    await of('b');
    first!.release();
    await of('a');
    await expect(of('a')).rejects.toMatchObject({ code: 'TOO_MANY_STREAMS' });
    expect(feed.openStreams).toBe(3);
    feed.onModuleDestroy();
  });

  it('serves a bounded number of readers', async () => {
    const runId = await created();
    await Promise.all([follow(runId), follow(runId), follow(runId)]);
    const answer = await call('GET', `/runs/${runId}/events`);
    expect([answer.status, answer.body['code']]).toEqual([503, 'TOO_MANY_STREAMS']);
  });
});

describe('the database itself', () => {
  it("refuses a second answer, another region's answer in a pinned cell, and a cell that exists", async () => {
    const runId = await created({ questions: [question('a')], models: ['llama'] });
    await accept(runId, 1, 'first', 'US');
    await expect(
      database.query(`UPDATE cells SET answer = 'second' WHERE run_id = $1 AND cell_no = 1`, [runId]),
    ).rejects.toThrow('has its accepted answer');
    await expect(
      database.query(
        `UPDATE cells SET state = 'accepted', answer = 'x', answered_region = 'ASIA' WHERE run_id = $1 AND cell_no = 2`,
        [runId],
      ),
    ).rejects.toThrow('cells_pin_holds');
    await expect(
      database.query(
        `INSERT INTO cells (run_id, cell_no, question_no, pair_no, question_id, model, region, repeat, pinned)
         SELECT run_id, 99, question_no, pair_no, question_id, model, region, repeat, pinned FROM cells WHERE run_id = $1 AND cell_no = 1`,
        [runId],
      ),
    ).rejects.toThrow('cells_once');
  });
});
