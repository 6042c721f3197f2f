import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { checkReceipt, runWebhookSchema, signedReceiptSchema, type SignedReceipt } from '#contracts';
import { GPU_USD_PER_S, runKeyPrefix } from '#domain';
import { connectNats, type NatsConnection } from '#messaging';
import { createLogger, Metrics } from '#observability';
import { readRunEvents } from '#persistence';
import { deploymentOf, startBeacon, until, type Beacon, type UpstreamCall } from '#testing';
import { natsHints } from './hints.js';
import { RouterClient } from './router-client.js';
import { runCostsOf } from './run-costs.js';
import { RunSupervisor } from './run-supervisor.js';

const WINDOW_S = 0.4;
const TIMEOUT_MS = 1000;

let beacon: Beacon;
let connection: NatsConnection;
let runner: RunSupervisor;

beforeAll(async () => {
  const place = (region: string) => ({ region, scaledown_window_s: WINDOW_S });
  beacon = await startBeacon({
    configuration: deploymentOf(
      { llama: [place('US'), place('EU')] },
      { timeouts: { execution_ms: TIMEOUT_MS, drain_ms: 0 }, breaker: { failures: 100 } },
    ),
  });
  connection = await connectNats({
    url: beacon.nats.url,
    name: 'runner',
    onReconnect: () => undefined,
    onDisconnect: () => undefined,
  });
}, 60_000);
afterAll(async () => {
  await connection.close();
  await beacon.stop();
}, 60_000);
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
  takes('US', 100);
  takes('EU', 100);
});
afterEach(async () => {
  await runner.stop();
  beacon.upstream.calls.splice(0);
});

/** How long a region's endpoint works on a call. */
function takes(region: string, ms: number): void {
  beacon.upstream.from(`${region}/llama`, (call: UpstreamCall) => {
    setTimeout(() => call.answer(), ms);
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
  readonly progress: Record<'accepted' | 'failed', number>;
}

async function view(runId: string): Promise<View> {
  return (await (await fetch(`${beacon.url}/runs/${runId}`)).json()) as View;
}

async function untilEnded(runId: string): Promise<View> {
  await until('the run has ended', async () => /completed|failed/.test((await view(runId)).status), 30_000);
  return view(runId);
}

/** GPU seconds by the attempts in Postgres: each call, and how long its container idles after it. */
async function paidS(runId: string): Promise<number> {
  const { rows } = await beacon.database.query<{ endpoint: string; start: number; end: number }>(
    `SELECT endpoint_id AS endpoint, (extract(epoch FROM attempts.started_at))::float8 AS start,
            (extract(epoch FROM attempts.started_at) + execution_ms / 1000.0)::float8 AS "end"
       FROM attempts JOIN jobs ON jobs.id = attempts.job_id
      WHERE starts_with(jobs.idempotency_key, $1) ORDER BY endpoint_id, attempts.started_at`,
    [runKeyPrefix(runId)],
  );
  return rows.reduce((sum, { endpoint, start, end }, index) => {
    const next = rows[index + 1];
    const idleS = next?.endpoint === endpoint ? Math.min(WINDOW_S, Math.max(0, next.start - end)) : WINDOW_S;
    return sum + (end - start) + idleS;
  }, 0);
}

/** By how much the longest calls took longer than the 100 ms for which endpoints work here. */
async function longerThanMeantS(runId: string, calls: number): Promise<number> {
  const { rows } = await beacon.database.query<{ excess: number }>(
    `SELECT greatest(0, execution_ms / 1000.0 - 0.1)::float8 AS excess
       FROM attempts JOIN jobs ON jobs.id = attempts.job_id
      WHERE starts_with(jobs.idempotency_key, $1) ORDER BY 1 DESC LIMIT $2`,
    [runKeyPrefix(runId), calls],
  );
  return rows.reduce((sum, { excess }) => sum + excess, 0);
}

async function receiptOf(runId: string): Promise<SignedReceipt['receipt']> {
  const answer = await fetch(`${beacon.url}/runs/${runId}/receipt`);
  const { receipt } = signedReceiptSchema.parse(await answer.json());
  expect(checkReceipt(receipt)).toEqual([]);
  return receipt;
}

describe('a run with a budget', () => {
  it('stops before it is passed, says so, and goes on with a higher one', async () => {
    const runId = await start(15, {
      ...{ budget: { gpu_seconds: 4 }, gates: [{ after_question: 'q14' }] },
      webhook_url: 'https://hooks.example.org/',
    });
    const stopped = await untilEnded(runId);
    expect(stopped.status).toBe('completed_with_failures');
    const { accepted, failed } = stopped.progress;
    expect(accepted).toBeGreaterThan(0);
    expect(failed).toBeGreaterThan(0);
    expect(accepted + failed).toBe(30);
    const paid = await paidS(runId);
    // A call may take longer than any before it, on a machine that stalls: one in flight at each of the two endpoints.
    expect(paid).toBeLessThanOrEqual(4 + (await longerThanMeantS(runId, 2)));
    // It came as near as the longest call that it had to reckon with.
    expect(paid).toBeGreaterThan(4 - 2 * (TIMEOUT_MS / 1000 + WINDOW_S));
    expect(stopped.budget).toMatchObject({ gpu_seconds: 4, usd: null, committed_gpu_seconds: 0 });
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
    const gate = `${beacon.url}/runs/${runId}/gates/q14/approve`;
    expect((await fetch(gate, { method: 'POST' })).status).toBe(200);
    const ended = await untilEnded(runId);
    expect(ended).toMatchObject({
      status: 'completed',
      progress: { accepted: 30 },
      budget: { gpu_seconds: 60 },
    });
    expect(ended.budget.spent_gpu_seconds).toBeCloseTo(await paidS(runId), 1);
    // Nothing that was answered was asked again.
    expect((await receiptOf(runId)).counts).toMatchObject({ answered: 30, missing: 0, jobs: 30 });
  }, 60_000);

  it('counts calls that failed, and makes as many as the budget pays for', async () => {
    beacon.upstream.from('US/llama', (call) => {
      setTimeout(() => call.respond(500, 'internal error'), 50);
    });
    const runId = await start(4, { regions: ['US'], budget: { usd: 3 * (GPU_USD_PER_S['T4'] ?? 0) * 1.5 } });
    const ended = await untilEnded(runId);
    expect(ended.status).toBe('failed');
    expect(beacon.upstream.calls.length).toBeGreaterThan(1);
    expect(await paidS(runId)).toBeLessThanOrEqual(3);
    expect(ended.budget.spent_gpu_seconds).toBeCloseTo(await paidS(runId), 1);
    const counted = (await receiptOf(runId)).counts.attempts;
    expect(counted).toBe(beacon.upstream.calls.length);
  }, 60_000);

  it('asks nothing where not even the first call is paid for', async () => {
    const runId = await start(2, { budget: { gpu_seconds: 0.3 } });
    expect((await untilEnded(runId)).status).toBe('failed');
    expect(beacon.upstream.calls).toHaveLength(0);
    expect((await receiptOf(runId)).missing).toHaveLength(4);
  });
});

describe('a run without a budget', () => {
  it('shows what it has spent and what its calls in flight may yet take', async () => {
    beacon.upstream.from('EU/llama', () => undefined);
    const runId = await start(2, {});
    await beacon.upstream.call('EU/llama');
    await until(
      'the calls of one region are counted',
      async () => (await view(runId)).budget.spent_gpu_seconds > 0,
    );
    const { budget } = await view(runId);
    expect(budget).toMatchObject({ usd: null, gpu_seconds: null });
    expect(budget.committed_gpu_seconds).toBeGreaterThan(0);
    await post(`/runs/${runId}/cancel`, {});
    await until('the run is cancelled', async () => (await view(runId)).status === 'cancelled');
    // The call that was cancelled was paid for until then.
    const ended = (await view(runId)).budget;
    expect(ended.committed_gpu_seconds).toBe(0);
    expect(ended.spent_gpu_seconds).toBeCloseTo(await paidS(runId), 1);
  });
});
