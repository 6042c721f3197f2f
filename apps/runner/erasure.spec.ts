import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkReceipt, signedReceiptSchema, type CellResultView, type ComparisonView } from '#contracts';
import { connectNats, type NatsConnection } from '#messaging';
import { createLogger, Metrics } from '#observability';
import { deploymentOf, hangs, startBeacon, until, type Beacon, type Behaviour } from '#testing';
import { natsHints } from './hints.js';
import { RouterClient } from './router-client.js';
import { RunSupervisor } from './run-supervisor.js';

const POST = { method: 'POST' } as const;
/** The model cannot work on the input: no second attempt. */
const chokes: Behaviour = (call) => call.respond(200, { status: 'error', error: 'choked' });

let beacon: Beacon;
let connection: NatsConnection;
let runner: RunSupervisor;

beforeAll(async () => {
  beacon = await startBeacon({
    configuration: deploymentOf(
      { m: ['US', 'EU'], bad: ['US'], slow: ['US'] },
      { retention: { prompts_days: 30, results_days: 60, webhooks_days: 7, sweep_interval_s: 0.1 } },
    ),
  });
  connection = await connectNats({
    url: beacon.nats.url,
    name: 'runner',
    onReconnect: () => undefined,
    onDisconnect: () => undefined,
  });
  runner = new RunSupervisor({
    database: beacon.database,
    router: new RouterClient({ baseUrl: beacon.url }),
    hints: natsHints(connection),
    logger: createLogger('runner', 'silent'),
    metrics: new Metrics('runner'),
    retryPolicy: { maxCellAttempts: 1, backoffMs: 20, backoffMaxMs: 100 },
  });
  runner.start();
});
afterAll(async () => {
  await runner.stop();
  await connection.close();
  await beacon.stop();
});

const request = <T = Record<string, unknown>>(path: string, options = {}) =>
  beacon.client.request<T>(path, options);

/** Every table that has a row with this text in it, in whatever column. */
async function whereIs(text: string): Promise<string[]> {
  const { rows: tables } = await beacon.database.query<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  expect(tables.length).toBeGreaterThan(15);
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await beacon.database.query(
      `SELECT FROM ${name} AS r WHERE r::text LIKE '%' || $1 || '%' LIMIT 1`,
      [text],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

async function aRun(mark: string): Promise<string> {
  beacon.upstream.next('US/bad', chokes);
  const { status, body } = await request<{ run_id: string }>('/runs', {
    json: {
      name: `name ${mark}`,
      questions: [
        { id: 'q1', text: `question ${mark}` },
        { id: 'q2', text: 'another', system: `system of a question ${mark}` },
      ],
      models: ['m', 'bad'],
      regions: ['US', 'EU'],
      system_prompts: { EU: `system of a region ${mark}` },
    },
  });
  expect(status).toBe(202);
  const { run_id: id } = body;
  await until('the run has ended', async () => (await request(`/runs/${id}`)).body['finished_at'] !== null);
  return id;
}

async function aJob(mark: string, model = 'm'): Promise<string> {
  const { job_id: id } = await beacon.client.queue({
    ...{ model, metadata: { [mark]: mark }, region_preference: 'US' },
    messages: [
      { role: 'system', content: `system ${mark}` },
      { role: 'user', content: `prompt ${mark}` },
    ],
  });
  return id;
}

const resultsOf = async (runId: string): Promise<CellResultView[]> =>
  (await request<{ results: CellResultView[] }>(`/runs/${runId}/results`)).body.results;
const receiptOf = async (runId: string) =>
  signedReceiptSchema.parse((await request(`/runs/${runId}/receipt`)).body).receipt;
/** What holds of a run whatever is erased. */
const lasting = (results: readonly CellResultView[]) =>
  results.map(({ response: _response, erased: _erased, ...rest }) => rest);

describe('erasing', () => {
  it('a run leaves nothing of its texts anywhere, and a receipt that still holds', async () => {
    const mark = 'MARK-run-7f3a';
    const id = await aRun(mark);
    expect(await whereIs(mark)).toEqual(['cells', 'jobs', 'run_questions', 'runs']);
    const before = await receiptOf(id);
    const results = await resultsOf(id);
    const erased = await request(`/runs/${id}/erase`, POST);
    expect(erased).toMatchObject({ status: 200, body: { run_id: id, erased: true, complete: true } });
    expect(await whereIs(mark)).toEqual([]);

    const after = await receiptOf(id);
    expect(checkReceipt(after)).toEqual([]);
    const hashes = ({ cells, questions }: typeof before) => [
      cells.map(({ answer_sha256: own, jobs }) => [own, jobs.map((job) => job.answer_sha256)]),
      questions.map(({ erased: _erased, ...question }) => question),
    ];
    expect(hashes(after)).toEqual(hashes(before));
    expect(before.cells.some((cell) => cell.erased) || before.questions.some((each) => each.erased)).toBe(
      false,
    );
    expect(after.questions.every((question) => question.erased)).toBe(true);
    expect(after.cells.map((cell) => cell.erased)).toEqual(
      after.cells.map((cell) => cell.status === 'accepted'),
    );

    const left = await resultsOf(id);
    expect(lasting(left)).toEqual(lasting(results));
    expect(left.every(({ response }) => response === null)).toBe(true);
    expect(left.filter((row) => row.erased)).toHaveLength(
      left.filter((row) => row.status === 'accepted').length,
    );
    expect(results.some((row) => row.erased)).toBe(false);
    const csv = await request<{ text: string }>(`/runs/${id}/results?format=csv`);
    expect(csv.body.text.split('\r\n')[0]).toMatch(/,erased$/);
    const comparison = await request<ComparisonView>(`/runs/${id}/comparison`);
    expect(comparison).toMatchObject({ status: 200, body: { question: '', question_erased: true } });
    expect(comparison.body.answers.filter(({ erased: gone }) => gone).length).toBeGreaterThan(0);
    expect(comparison.body.similarities).toEqual([]);

    const again = await request(`/runs/${id}/retry-failed`, { json: {} });
    expect(again).toMatchObject({ status: 410, body: { code: 'CONTENT_ERASED' } });
    const extended = await request(`/runs/${id}/extend`, { json: { repeats: 2 } });
    expect(extended).toMatchObject({ status: 410, body: { code: 'CONTENT_ERASED' } });
    expect((await request(`/runs/${id}/erase`, POST)).status).toBe(200);
    const { rows } = await beacon.database.query(`SELECT act FROM audit_log WHERE target = $1`, [id]);
    expect(rows).toEqual([{ act: 'run.erased' }, { act: 'run.erased' }]);
  });

  it('a job takes along what was redriven from it, and says that its answer is gone', async () => {
    const mark = 'MARK-job-55c1';
    beacon.upstream.next('US/bad', chokes);
    const failed = await aJob(mark, 'bad');
    await beacon.client.untilJob(failed, 'failed');
    const redriven = (await request<{ redriven_as: string }>(`/dead-letters/${failed}/redrive`, POST)).body
      .redriven_as;
    await beacon.client.untilJob(redriven, 'completed');
    expect(await whereIs(mark)).toEqual(['jobs']);
    const erased = await request(`/inference/${redriven}/erase`, POST);
    expect(erased).toMatchObject({ status: 200, body: { job_id: redriven, also_erased: [failed] } });
    expect(await whereIs(mark)).toEqual([]);
    expect(await beacon.client.job(redriven)).toMatchObject({
      ...{ status: 'completed', metadata: null, erased_at: expect.any(String) },
      result: { success: true, response: null, region: 'US', tokens_generated: 3 },
    });
    const letter = await request(`/dead-letters/${failed}`);
    expect(letter.body).toMatchObject({ payload_sha256: null, detail: '', erased_at: expect.any(String) });
  });

  it('a job takes along what upstream said of its calls, and leaves their entries in the ledger', async () => {
    const mark = 'MARK-said-7f30';
    // What it says of its region is quoted in the words of the failure.
    beacon.upstream.next('US/bad', (call) =>
      call.respond(200, { status: 'success', response: 'x', region: mark }),
    );
    const { job_id: failed } = await beacon.client.queue({ model: 'bad', prompt: 'x', max_attempts: 1 });
    await beacon.client.untilJob(failed, 'failed');
    const entriesOf = async () =>
      (await request<{ entries: object[] }>(`/ledger?kind=call&job_id=${failed}`)).body.entries;
    const said = expect.stringContaining(mark);
    const entries = await entriesOf();
    expect(entries).toMatchObject([{ outcome: 'failed', error: said }]);
    expect(await whereIs(mark)).toEqual(['attempts', 'dead_letters', 'jobs', 'ledger_errors']);
    expect((await request(`/inference/${failed}/erase`, POST)).status).toBe(200);
    expect(await whereIs(mark)).toEqual([]);
    expect(await entriesOf()).toEqual(entries.map((entry) => ({ ...entry, error: null })));
  });

  it('a job that failed cannot be redriven any more', async () => {
    beacon.upstream.next('US/bad', chokes);
    const id = await aJob('x', 'bad');
    await beacon.client.untilJob(id, 'failed');
    expect((await request(`/inference/${id}/erase`, POST)).status).toBe(200);
    const reply = await request(`/dead-letters/${id}/redrive`, POST);
    expect(reply).toMatchObject({ status: 410, body: { code: 'CONTENT_ERASED' } });
  });

  it('whoever waits for the answer of an erased job under its idempotency key is told that it is gone', async () => {
    const ask = () =>
      request('/inference', { json: { model: 'm', prompt: 'x' }, headers: { 'idempotency-key': 'once' } });
    const { body } = await ask();
    expect(body['response']).toBe('answer to x');
    await request(`/inference/${String(body['job_id'])}/erase`, POST);
    expect(await ask()).toMatchObject({ status: 410, body: { code: 'CONTENT_ERASED' } });
  });

  it('waits for the end of jobs and runs, and leaves jobs of runs to their run', async () => {
    beacon.upstream.next('US/slow', hangs);
    const id = await aJob('x', 'slow');
    await beacon.client.untilJob(id, 'processing');
    const early = await request(`/inference/${id}/erase`, POST);
    expect(early).toMatchObject({ status: 409, body: { code: 'JOB_NOT_FINISHED' } });
    await beacon.client.cancel(id);
    await beacon.client.untilJob(id, 'cancelled');
    await until(
      'its call is over',
      async () => (await request(`/inference/${id}/erase`, POST)).status === 200,
    );

    const runId = await aRun('y');
    const [{ job_id: jobId }] = (await resultsOf(runId)) as [CellResultView];
    // The runner's jobs know their run where it has the token of the service.
    await beacon.database.query(`UPDATE jobs SET run_id = $2 WHERE id = $1`, [jobId, runId]);
    const ofRun = await request(`/inference/${jobId ?? ''}/erase`, POST);
    expect(ofRun).toMatchObject({ status: 409, body: { code: 'JOB_OF_RUN' } });
    await beacon.database.query(`UPDATE runs SET status = 'running', finished_at = NULL WHERE id = $1`, [
      runId,
    ]);
    const going = await request(`/runs/${runId}/erase`, POST);
    expect(going).toMatchObject({ status: 409, body: { code: 'RUN_NOT_FINISHED' } });
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect((await request(`/inference/${unknown}/erase`, POST)).status).toBe(404);
    expect((await request(`/runs/${unknown}/erase`, POST)).status).toBe(404);
  });

  it('a tenant empties all that it has made until now, also what ends only later, and nobody else', async () => {
    const [mine, late, others] = ['MARK-mine-91', 'MARK-late-92', 'MARK-others-93'];
    const own = async (table: string, id: string): Promise<void> => {
      await beacon.database.query(`UPDATE ${table} SET tenant = 'anna' WHERE id = $1`, [id]);
    };
    const job = await aJob(mine);
    await beacon.client.untilJob(job, 'completed');
    await own('jobs', job);
    const run = await aRun(mine);
    await own('runs', run);
    await beacon.database.query(
      `UPDATE jobs SET tenant = 'anna', run_id = $1::uuid WHERE starts_with(idempotency_key, 'run:' || $1::text || ':')`,
      [run],
    );
    beacon.upstream.next('US/slow', hangs);
    const running = await aJob(late, 'slow');
    await beacon.client.untilJob(running, 'processing');
    await own('jobs', running);
    const foreign = await aJob(others);
    await beacon.client.untilJob(foreign, 'completed');

    const erase = (json: object) => request('/tenants/anna/erase', { json });
    expect((await erase({ confirm: 'ben' })).status).toBe(400);
    expect(await whereIs(mine)).toContain('jobs');
    const reply = await erase({ confirm: 'anna' });
    expect(reply).toMatchObject({ status: 200, body: { jobs: 1, runs: 1, complete: false } });
    expect(await whereIs(mine)).toEqual([]);
    expect(await whereIs(late)).toEqual(['jobs']);
    beacon.upstream.callsOf('US/slow').at(-1)?.answer();
    await beacon.client.untilJob(running, 'completed');
    await until('what ended later is erased', async () => (await whereIs(late)).length === 0);
    expect(await whereIs(others)).toEqual(['jobs']);
    await until('it is noted', async () => {
      const { rows } = await beacon.database.query<{ completed_at: Date | null }>(
        `SELECT completed_at FROM tenant_erasures WHERE tenant = 'anna'`,
      );
      return rows[0]?.completed_at instanceof Date;
    });
  });
});

describe('retention', () => {
  it('erases prompts and answers of ended jobs and runs when each has had its time, and nothing earlier', async () => {
    const mark = 'MARK-kept-2b8e';
    const job = await aJob(mark);
    await beacon.client.untilJob(job, 'completed');
    const run = await aRun(mark);
    const young = await aJob('MARK-young');
    await beacon.client.untilJob(young, 'completed');
    const before = await receiptOf(run);
    const age = async (days: number): Promise<void> => {
      const then = `clock_timestamp() - make_interval(secs => ${days * 86_400})`;
      await beacon.database.query(`UPDATE jobs SET completed_at = ${then} WHERE id = $1`, [job]);
      await beacon.database.query(`UPDATE runs SET finished_at = ${then} WHERE id = $1`, [run]);
    };
    const erasedAt = async (column: string): Promise<boolean> => {
      const { rows } = await beacon.database.query<{ done: boolean }>(
        `SELECT ${column} IS NOT NULL AND NOT erasing AS done FROM runs WHERE id = $1`,
        [run],
      );
      return rows[0]!.done;
    };
    await age(31);
    await until('its prompts are erased', () => erasedAt('prompts_erased_at'));
    // Jobs and runs are swept one after the other.
    const seen = await until('so is that of the job', async () => {
      const found = await beacon.client.job(job);
      return found.erased_at === null ? undefined : found;
    });
    expect(seen.metadata).toBeNull();
    expect(seen.result!.response).toContain('answer to');
    const results = await resultsOf(run);
    expect(results.some(({ response }) => response?.startsWith('answer to') === true)).toBe(true);
    expect(checkReceipt(await receiptOf(run))).toEqual([]);
    // It has its name: that is no content by policy, only by request.
    expect((await request(`/runs/${run}`)).body['name']).toContain(mark);

    await age(61);
    await until('its answers are erased', () => erasedAt('results_erased_at'));
    await until(
      'so is that of the job',
      async () => (await beacon.client.job(job)).result!.response === null,
    );
    expect(await whereIs(mark)).toEqual(['runs']);
    const after = await receiptOf(run);
    expect(checkReceipt(after)).toEqual([]);
    expect(after.cells.map((cell) => cell.answer_sha256)).toEqual(
      before.cells.map((cell) => cell.answer_sha256),
    );
    expect(await whereIs('MARK-young')).toEqual(['jobs']);
  });

  it('deletes webhooks that have ended, with the metadata in their bodies, when they have had their time', async () => {
    const mark = 'MARK-hook-31';
    const { job_id: id } = await beacon.client.queue({
      ...{ model: 'm', prompt: 'x', metadata: { mark }, webhook_url: 'https://example.com/hook' },
    });
    await beacon.client.untilJob(id, 'completed');
    expect(await whereIs(mark)).toEqual(['jobs', 'webhook_deliveries']);
    const end = (days: number) =>
      beacon.database.query(
        `UPDATE webhook_deliveries SET status = 'delivered', finished_at = now() - make_interval(days => $2)
          WHERE job_id = $1`,
        [id, days],
      );
    await end(6);
    const { rows: before } = await beacon.database.query(`SELECT FROM webhook_deliveries WHERE job_id = $1`, [
      id,
    ]);
    expect(before).toHaveLength(1);
    await end(8);
    await until('it is deleted', async () => !(await whereIs(mark)).includes('webhook_deliveries'));
    expect(await whereIs(mark)).toEqual(['jobs']);
  });

  it('on request, bodies that are still to be sent lose the metadata', async () => {
    const mark = 'MARK-hook-32';
    const { job_id: id } = await beacon.client.queue({
      ...{ model: 'm', prompt: 'x', metadata: { mark }, webhook_url: 'https://example.com/hook' },
    });
    await beacon.client.untilJob(id, 'completed');
    expect((await request(`/inference/${id}/erase`, POST)).status).toBe(200);
    expect(await whereIs(mark)).toEqual([]);
    const { rows } = await beacon.database.query<{ body: string }>(
      `SELECT body FROM webhook_deliveries WHERE job_id = $1`,
      [id],
    );
    expect(rows.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
      { type: 'job.completed', data: { job_id: id, metadata: null } },
    ]);
  });

  it('goes on with an erasure whose process died in the middle', async () => {
    const mark = 'MARK-half-c0de';
    const run = await aRun(mark);
    await beacon.database.query(
      `UPDATE runs SET erasing = true, prompts_erased_at = now(), results_erased_at = now(),
              erasing_everything = true, name = '' WHERE id = $1`,
      [run],
    );
    await until('nothing is left', async () => (await whereIs(mark)).length === 0);
    expect(checkReceipt(await receiptOf(run))).toEqual([]);
  });
});

describe('an accepted cell', () => {
  it('may lose its answer to its hash, and nothing else of it ever changes', async () => {
    const run = await aRun('z');
    const where = `WHERE run_id = '${run}' AND state = 'accepted' AND cell_no = (
      SELECT min(cell_no) FROM cells WHERE run_id = '${run}' AND state = 'accepted')`;
    const hash = `encode(sha256(convert_to(answer, 'UTF8')), 'hex')`;
    const erase = `answer = NULL, answer_sha256 = ${hash}, erased_at = now()`;
    for (const change of [
      `answer = 'another'`,
      `answer = NULL`,
      `answer = NULL, answer_sha256 = ${hash}`,
      `answer = NULL, erased_at = now(), answer_sha256 = encode(sha256('x'), 'hex')`,
      `${erase}, answered_region = 'ASIA'`,
      `${erase}, tokens_generated = 0`,
      `${erase}, state = 'failed'`,
      `attempts = 9`,
      `erased_at = now()`,
    ])
      await expect(beacon.database.query(`UPDATE cells SET ${change} ${where}`)).rejects.toThrow(
        'has its accepted answer',
      );
    await beacon.database.query(`UPDATE cells SET ${erase} ${where}`);
    for (const change of [
      `answer = 'back', answer_sha256 = NULL, erased_at = NULL`,
      erase,
      `erased_at = NULL`,
    ])
      await expect(beacon.database.query(`UPDATE cells SET ${change} ${where}`)).rejects.toThrow(
        'has its accepted answer',
      );
  });
});
