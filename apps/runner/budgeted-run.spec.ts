import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { checkReceipt, runWebhookSchema, signedReceiptSchema, type SignedReceipt } from '#contracts';
import { GPU_USD_PER_S, runKeyPrefix } from '#domain';
import { connectNats, type NatsConnection } from '#messaging';
import { createLogger, Metrics } from '#observability';
import { addExecutionTimes, readRunEvents } from '#persistence';
import { deploymentOf, startBeacon, until, type Beacon, type UpstreamCall } from '#testing';
import { natsHints } from './hints.js';
import { RouterClient } from './router-client.js';
import { runCostsOf } from './run-costs.js';
import { RunSupervisor } from './run-supervisor.js';

const WINDOW_S = 0.4;
/** What the endpoints take for a call, at first and then: what bounds are learned from. */
const FIRST_S = 0.3;
const CALL_S = 0.1;
/** What a call of a model takes that is held for as long as a test looks: longer than any machine stands still. */
const DEAR_S = 100;
/** What a budget has beside one such call: longer than a machine stands still during a call, too. */
const SPARE_S = 5;

let beacon: Beacon;
let connection: NatsConnection;
let runner: RunSupervisor;

beforeAll(async () => {
  const place = (region: string) => ({ region, scaledown_window_s: WINDOW_S });
  beacon = await startBeacon({
    configuration: deploymentOf(
      { llama: [place('US'), place('EU')], dear: [place('US'), place('EU')], failing: [place('US')] },
      { breaker: { failures: 100 } },
    ),
  });
  // Nothing is reckoned with the timeout, which is far longer than a machine stalls, and than any budget here pays for.
  await addExecutionTimes(
    beacon.database,
    ['US', 'EU'].flatMap((region) =>
      [true, false].flatMap((cold) => [
        { region, model: 'llama', cold, executionMs: FIRST_S * 1000 },
        { region, model: 'dear', cold, executionMs: DEAR_S * 1000 },
        { region, model: 'failing', cold, executionMs: DEAR_S * 1000 },
      ]),
    ),
  );
  connection = await connectNats({
    url: beacon.nats.url,
    name: 'runner',
    onReconnect: () => undefined,
    onDisconnect: () => undefined,
  });
});
afterAll(async () => {
  await connection.close();
  await beacon.stop();
});
beforeEach(() => {
  runner = new RunSupervisor({
    database: beacon.database,
    router: new RouterClient({ baseUrl: beacon.url }),
    hints: natsHints(connection),
    logger: createLogger('runner', 'silent'),
    metrics: new Metrics('runner'),
    tickMs: 50,
    retryPolicy: { maxCellAttempts: 3, backoffMs: 20, backoffMaxMs: 100 },
    costs: runCostsOf(beacon.configuration),
  });
  runner.start();
  // The first calls take longest, and bound what is reckoned with: a machine that stalls makes no later one longer than them.
  takes('US', CALL_S * 1000, FIRST_S * 1000);
  takes('EU', CALL_S * 1000, FIRST_S * 1000);
});
afterEach(async () => {
  await runner.stop();
  beacon.upstream.calls.splice(0);
});

/** How long a region's endpoint works on a call, and on its first one. */
function takes(region: string, ms: number, firstMs = ms): void {
  let calls = 0;
  beacon.upstream.from(`${region}/llama`, (call: UpstreamCall) => {
    setTimeout(() => call.answer(), calls === 0 ? firstMs : ms);
    calls += 1;
  });
}

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(beacon.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  return (await response.json()) as Record<string, unknown>;
}

async function start(questions: number, changes: Record<string, unknown>): Promise<string> {
  const created = await post('/runs', {
    questions: Array.from({ length: questions }, (_, index) => ({
      id: `q${index + 1}`,
      text: `question ${index + 1}`,
    })),
    ...{ models: ['llama'], regions: ['US', 'EU'], ...changes },
  });
  return created['run_id'] as string;
}

interface View {
  readonly status: string;
  readonly budget: Record<
    'spent_usd' | 'spent_gpu_seconds' | 'committed_gpu_seconds' | 'usd' | 'gpu_seconds',
    number
  >;
  readonly progress: Record<'accepted' | 'failed' | 'running' | 'pending', number>;
}

async function view(runId: string): Promise<View> {
  return (await (await fetch(`${beacon.url}/runs/${runId}`)).json()) as View;
}

async function untilEnded(runId: string): Promise<View> {
  await until('the run has ended', async () => /completed|failed/.test((await view(runId)).status));
  return view(runId);
}

interface Paid {
  /** GPU seconds by the attempts in Postgres: each call, and how long its container idles after it. */
  readonly inAllS: number;
  /** Of these, what nobody could reckon with: calls and gaps that a busy machine made longer than those before. */
  readonly unforeseenS: number;
}

/** A gap between two calls is some milliseconds. */
const GAP_S = 0.05;

async function paidFor(runId: string): Promise<Paid> {
  const { rows } = await beacon.database.query<{ endpoint: string; start: number; end: number }>(
    `SELECT endpoint_id AS endpoint, (extract(epoch FROM attempts.started_at))::float8 AS start,
            (extract(epoch FROM attempts.started_at) + execution_ms / 1000.0)::float8 AS "end"
       FROM attempts JOIN jobs ON jobs.id = attempts.job_id
      WHERE starts_with(jobs.idempotency_key, $1) ORDER BY endpoint_id, attempts.started_at`,
    [runKeyPrefix(runId)],
  );
  const calls = rows.map(({ endpoint, start, end }, index) => {
    const next = rows[index + 1];
    const isLast = next?.endpoint !== endpoint;
    const idleS = isLast ? WINDOW_S : Math.min(WINDOW_S, Math.max(0, next.start - end));
    const longerS = Math.max(0, end - start - FIRST_S) + (isLast ? 0 : Math.max(0, idleS - GAP_S));
    return { inAllS: end - start + idleS, unforeseenS: longerS };
  });
  const sum = (of: (paid: Paid) => number): number => calls.reduce((all, call) => all + of(call), 0);
  return { inAllS: sum(({ inAllS }) => inAllS), unforeseenS: sum(({ unforeseenS }) => unforeseenS) };
}

/** The longest call of all runs, which is what the next one may be reckoned with. */
async function longestCallS(): Promise<number> {
  const { rows } = await beacon.database.query<{ longest: number }>(
    `SELECT (max(execution_ms) / 1000.0)::float8 AS longest FROM attempts`,
  );
  return Math.max(FIRST_S, rows[0]?.longest ?? 0);
}

/** Where it was learned how long calls take to begin. */
async function regionsOfStartGaps(): Promise<string[]> {
  const { rows } = await beacon.database.query<{ region: string }>(
    `SELECT DISTINCT region FROM start_gaps WHERE cardinality(samples_ms) > 0 ORDER BY region`,
  );
  return rows.map(({ region }) => region);
}

async function receiptOf(runId: string): Promise<SignedReceipt['receipt']> {
  const answer = await fetch(`${beacon.url}/runs/${runId}/receipt`);
  const { receipt } = signedReceiptSchema.parse(await answer.json());
  expect(checkReceipt(receipt)).toEqual([]);
  return receipt;
}

describe('a run with a budget', () => {
  it('stops before it is passed, says so, and goes on with a higher one', async () => {
    const runId = await start(34, {
      ...{ budget: { gpu_seconds: 7 }, gates: [{ after_question: 'q33' }] },
      webhook_url: 'https://hooks.example.org/',
    });
    const stopped = await untilEnded(runId);
    expect(stopped.status).toBe('completed_with_failures');
    const { accepted, failed } = stopped.progress;
    expect(accepted).toBeGreaterThan(0);
    expect(failed).toBeGreaterThan(0);
    expect(accepted + failed).toBe(68);
    const { inAllS: paid, unforeseenS } = await paidFor(runId);
    expect(paid).toBeLessThanOrEqual(7 + unforeseenS);
    // It came as near as the dearest call that it had to reckon with: none was in flight, and one more was too much.
    expect(paid).toBeGreaterThan(7 - ((await longestCallS()) + WINDOW_S));
    expect(await regionsOfStartGaps()).toEqual(['EU', 'US']);
    expect(stopped.budget).toMatchObject({ gpu_seconds: 7, usd: null, committed_gpu_seconds: 0 });
    expect(stopped.budget.spent_gpu_seconds).toBeCloseTo(paid, 1);
    const usdPerS = (GPU_USD_PER_S['T4'] ?? 0) * 1.5;
    expect(stopped.budget.spent_usd).toBeCloseTo(stopped.budget.spent_gpu_seconds * usdPerS, 5);

    const receipt = await receiptOf(runId);
    expect(new Set(receipt.missing.map(({ reason }) => reason))).toEqual(new Set(['BUDGET_REACHED']));
    const events = await readRunEvents(beacon.database, runId, '0', 1000);
    expect(events.map(({ type }) => type).slice(-2)).toEqual(['run.budget_reached', 'run.finished']);
    const told = await beacon.database.query<{ body: string }>(
      `SELECT body FROM webhook_deliveries WHERE run_id = $1 ORDER BY sequence`,
      [runId],
    );
    const bodies = told.rows.map(({ body }) => runWebhookSchema.parse(JSON.parse(body)));
    expect(bodies.map(({ type, data }) => `${type} ${data.sequence}`)).toEqual([
      'run.budget_reached 1',
      'run.finished 2',
    ]);
    // A job makes one call: the next one is a decision of the budget's.
    const { rows } = await beacon.database.query<{ max: number }>(
      `SELECT max(max_attempts) AS max FROM jobs WHERE starts_with(idempotency_key, $1)`,
      [runKeyPrefix(runId)],
    );
    expect(rows).toEqual([{ max: 1 }]);

    expect(await post(`/runs/${runId}/retry-failed`, { budget: { gpu_seconds: 60 } })).toMatchObject({
      status: 'running',
      retried_cells: failed,
    });
    const gate = `${beacon.url}/runs/${runId}/gates/q33/approve`;
    expect((await fetch(gate, { method: 'POST' })).status).toBe(200);
    const ended = await untilEnded(runId);
    expect(ended).toMatchObject({
      status: 'completed',
      progress: { accepted: 68 },
      budget: { gpu_seconds: 60 },
    });
    expect(ended.budget.spent_gpu_seconds).toBeCloseTo((await paidFor(runId)).inAllS, 1);
    // Nothing that was answered was asked again.
    expect((await receiptOf(runId)).counts).toMatchObject({ answered: 68, missing: 0, jobs: 68 });
  });

  it('counts calls that failed, and makes as many as the budget pays for', async () => {
    const usdPerS = (GPU_USD_PER_S['T4'] ?? 0) * 1.5;
    const held: UpstreamCall[] = [];
    let calls = 0;
    beacon.upstream.from('US/failing', (call) => {
      calls += 1;
      if (calls === 1) call.respond(500, 'internal error');
      else held.push(call);
    });
    const runId = await start(8, {
      ...{ models: ['failing'], regions: ['US'], budget: { usd: (DEAR_S + SPARE_S) * usdPerS } },
    });
    const second = await until('what is left pays for one more, whatever it takes', () => held[0]);
    await until('it has taken what was left beside a third', async () => {
      const { rows } = await beacon.database.query(
        `SELECT FROM attempts
          WHERE status = 'running' AND started_at < clock_timestamp() - make_interval(secs => $1)`,
        [SPARE_S],
      );
      return rows.length > 0;
    });
    second.respond(500, 'internal error');
    const ended = await untilEnded(runId);
    expect(ended.status).toBe('failed');
    // Without a budget each of them were asked three times.
    expect(calls).toBe(2);
    expect(ended.budget.spent_gpu_seconds).toBeCloseTo((await paidFor(runId)).inAllS, 1);
    expect((await receiptOf(runId)).counts.attempts).toBe(2);
  });

  it('asks nothing where not even the first call is paid for', async () => {
    const runId = await start(2, { budget: { gpu_seconds: 0.3 } });
    expect((await untilEnded(runId)).status).toBe('failed');
    expect(beacon.upstream.calls).toHaveLength(0);
    expect((await receiptOf(runId)).missing).toHaveLength(4);
  });

  it('makes no call that is paid for only while another one has not been charged yet', async () => {
    const held: UpstreamCall[] = [];
    for (const region of ['US', 'EU']) beacon.upstream.from(`${region}/dear`, (call) => void held.push(call));
    // Of what has been spent there is enough for both; of what the first may yet take there is not.
    const runId = await start(1, { models: ['dear'], budget: { gpu_seconds: 1.8 * DEAR_S } });
    const first = await until('a call is in flight', () => held[0]);
    // The control: the runner goes on meanwhile.
    expect((await untilEnded(await start(2, {}))).status).toBe('completed');
    const { budget, progress } = await view(runId);
    expect(progress).toMatchObject({ running: 1, pending: 1 });
    expect(budget.spent_gpu_seconds).toBeLessThan(0.8 * DEAR_S - WINDOW_S);
    expect(budget.committed_gpu_seconds).toBeGreaterThanOrEqual(DEAR_S);
    expect(held).toHaveLength(1);
    first.answer();
    (await until('the other call is made', () => held[1])).answer();
    expect(await untilEnded(runId)).toMatchObject({ status: 'completed', progress: { accepted: 2 } });
  });
});

describe('a run without a budget', () => {
  it('shows what it has spent and what its calls in flight may yet take', async () => {
    beacon.upstream.from('EU/llama', () => undefined);
    const runId = await start(2, {});
    await beacon.upstream.call('EU/llama');
    const budget = await until('the calls of one region are counted, and that of the other', async () => {
      const { budget: seen } = await view(runId);
      return seen.spent_gpu_seconds > 0 && seen.committed_gpu_seconds > 0 ? seen : undefined;
    });
    expect(budget).toMatchObject({ usd: null, gpu_seconds: null });
    await post(`/runs/${runId}/cancel`, {});
    await until('the run is cancelled', async () => (await view(runId)).status === 'cancelled');
    // The call that was cancelled was paid for until then.
    const ended = (await view(runId)).budget;
    expect(ended.committed_gpu_seconds).toBe(0);
    expect(ended.spent_gpu_seconds).toBeCloseTo((await paidFor(runId)).inAllS, 1);
  });
});
