import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkReceipt, signedReceiptSchema, type SignedReceipt } from '#contracts';
import { connectNats, type NatsConnection } from '#messaging';
import { createLogger, Metrics } from '#observability';
import { deploymentOf, startBeacon, until, type Beacon } from '#testing';
import { natsHints } from './hints.js';
import { RouterClient } from './router-client.js';
import { RunSupervisor } from './run-supervisor.js';

let beacon: Beacon;
let connection: NatsConnection;
let runner: RunSupervisor;

beforeAll(async () => {
  beacon = await startBeacon({ configuration: deploymentOf({ llama: ['US', 'EU'] }) });
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
    retryPolicy: { maxCellAttempts: 3, backoffMs: 20, backoffMaxMs: 100 },
  });
  runner.start();
});
afterAll(async () => {
  await runner.stop();
  await connection.close();
  await beacon.stop();
});

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(beacon.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  return (await response.json()) as Record<string, unknown>;
}

async function untilStatus(runId: string, status: string): Promise<Record<string, unknown>> {
  const read = async () =>
    (await (await fetch(`${beacon.url}/runs/${runId}`)).json()) as Record<string, unknown>;
  await until(`the run is ${status}`, async () => (await read())['status'] === status);
  return read();
}

async function receiptOf(runId: string): Promise<SignedReceipt['receipt']> {
  const answer = await fetch(`${beacon.url}/runs/${runId}/receipt`);
  const { receipt } = signedReceiptSchema.parse(await answer.json());
  expect(checkReceipt(receipt)).toEqual([]);
  return receipt;
}

describe('a run that ended with failures', () => {
  it('is asked for the rest, then for more repeats, and its receipt lists every job of every try', async () => {
    beacon.upstream.from('EU/llama', (call) => call.respond(200, { status: 'error', error: 'not this one' }));
    const created = await post('/runs', {
      questions: ['q1', 'q2'].map((id) => ({ id, text: `text of ${id}` })),
      ...{ models: ['llama'], regions: ['US', 'EU'] },
    });
    const runId = created['run_id'] as string;
    await untilStatus(runId, 'completed_with_failures');
    expect(beacon.upstream.calls).toHaveLength(4);
    expect((await receiptOf(runId)).counts).toMatchObject({ answered: 2, failed: 2, jobs: 4 });

    beacon.upstream.from('EU/llama', (call) => call.answer());
    expect(await post(`/runs/${runId}/retry-failed`, {})).toMatchObject({ retried_cells: 2 });
    await untilStatus(runId, 'completed');
    expect(beacon.upstream.callsOf('US/llama')).toHaveLength(2);
    expect(beacon.upstream.callsOf('EU/llama')).toHaveLength(4);
    const retried = await receiptOf(runId);
    expect(retried.counts).toMatchObject({ cells: 4, answered: 4, missing: 0, jobs: 6, attempts: 6 });
    expect(retried.cells[1]?.jobs).toMatchObject([
      { cell_attempt: 1, state: 'failed', error_code: 'MODEL_ERROR' },
      { cell_attempt: 2, state: 'completed' },
    ]);

    expect(await post(`/runs/${runId}/extend`, { repeats: 3 })).toMatchObject({ added_cells: 8 });
    const run = await untilStatus(runId, 'completed');
    expect(run).toMatchObject({
      ...{ repeats: 3, total_cells: 12 },
      progress: {
        ...{ total: 12, accepted: 12 },
        by_question: [
          { question_id: 'q1', done: 6, total: 6 },
          { question_id: 'q2', done: 6, total: 6 },
        ],
      },
    });
    // Nothing that was answered is asked again.
    expect(beacon.upstream.calls).toHaveLength(14);
    const extended = await receiptOf(runId);
    expect(extended).toMatchObject({
      run: { repeats: 3, total_cells: 12 },
      counts: { cells: 12, answered: 12, jobs: 14, attempts: 14 },
    });
    expect(extended.cells.slice(0, 4)).toEqual(retried.cells);
    const results = await fetch(`${beacon.url}/runs/${runId}/results?format=jsonl`);
    expect((await results.text()).trimEnd().split('\n')).toHaveLength(12);

    const events = await (await fetch(`${beacon.url}/runs/${runId}/events`)).text();
    expect(events.match(/^event: run\.(started|reopened|finished)$/gm)).toEqual([
      'event: run.started',
      'event: run.finished',
      'event: run.reopened',
      'event: run.finished',
      'event: run.reopened',
      'event: run.finished',
    ]);
  });
});
