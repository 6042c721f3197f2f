import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createPublicKey, verify } from 'node:crypto';
import { checkReceipt, signedReceiptSchema, type CellResultView } from '#contracts';
import { canonicalJson, cellSeed, shuffledBySeed } from '#domain';
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
  beacon = await startBeacon({
    configuration: deploymentOf({
      llama: ['US', 'EU', 'ASIA'],
      qwen: ['US', 'EU', 'ASIA'],
      mistral: ['EU', 'ASIA'],
    }),
  });
  connection = await connectNats({
    url: beacon.nats.url,
    name: 'runner',
    onReconnect: () => undefined,
    onDisconnect: () => undefined,
  });
  startRunner();
});
afterAll(async () => {
  await runner.stop();
  await connection.close();
  await beacon.stop();
});
afterEach(() => void beacon.upstream.calls.splice(0));

function startRunner(): void {
  runner = new RunSupervisor({
    database: beacon.database,
    router: new RouterClient({ baseUrl: beacon.url }),
    hints: natsHints(connection),
    logger: createLogger('runner', 'silent'),
    metrics: new Metrics('runner'),
    retryPolicy: { maxCellAttempts: 3, backoffMs: 20, backoffMaxMs: 100 },
  });
  runner.start();
}

interface Run {
  readonly status: string;
  readonly eta_seconds: number | null;
  readonly progress: Record<string, unknown>;
}

async function post(
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(beacon.url + path, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function view(runId: string): Promise<Run> {
  return (await (await fetch(`${beacon.url}/runs/${runId}`)).json()) as Run;
}

async function start(changes: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await post('/runs', {
    name: 'bias',
    questions: Array.from({ length: 8 }, (_, index) => ({
      id: `q${index + 1}`,
      text: `question ${index + 1}`,
    })),
    models: ['llama', 'qwen', 'mistral'],
    regions: ['US', 'EU', 'ASIA'],
    ...changes,
  });
  expect(status).toBe(202);
  return body['run_id'] as string;
}

async function untilStatus(runId: string, status: string): Promise<Run> {
  await until(`the run is ${status}`, async () => (await view(runId)).status === status);
  return view(runId);
}

describe('a run through router, NATS and dispatchers', () => {
  it.each(['pipeline', 'question', 'region'])(
    'answers all 64 cells, each once, in order "%s"',
    async (order) => {
      const runId = await start({ order });
      const run = await untilStatus(runId, 'completed');
      expect(run.progress).toMatchObject({
        total: 64,
        accepted: 64,
        by_region: { US: { accepted: 16 }, EU: { accepted: 24 }, ASIA: { accepted: 24 } },
      });
      expect(beacon.upstream.calls).toHaveLength(64);
      for (const endpoint of ['US/llama', 'EU/mistral', 'ASIA/qwen']) {
        expect(beacon.upstream.callsOf(endpoint).map(({ prompt }) => prompt)).toEqual(
          Array.from({ length: 8 }, (_, index) => `question ${index + 1}`),
        );
      }
    },
  );

  it('streams every event to a reader, the last one included', async () => {
    const runId = await start({ models: ['llama'] });
    const text = await (await fetch(`${beacon.url}/runs/${runId}/events`)).text();
    expect(text.match(/^event: cell\.accepted$/gm)).toHaveLength(24);
    expect(text.trimEnd()).toMatch(/event: run\.finished\n.*$/);
    expect(text).not.toContain('answer to');
  });

  it('cancels the calls that are in flight', async () => {
    beacon.upstream.from('EU/mistral', () => undefined);
    const runId = await start({ models: ['mistral'], regions: ['EU'] });
    const call = await beacon.upstream.call('EU/mistral');
    expect((await post(`/runs/${runId}/cancel`)).status).toBe(202);
    await untilStatus(runId, 'cancelled');
    await until('the call is over upstream', () => call.hungUp);
    beacon.upstream.from('EU/mistral', (next) => next.answer());
  });

  it('goes on with another runner while people decide, and after the router was away', async () => {
    const runId = await start({ models: ['llama'], gates: [{ after_question: 'q2' }] });
    await untilStatus(runId, 'awaiting_approval');
    expect(beacon.upstream.calls).toHaveLength(6);
    await runner.stop();
    expect((await post(`/runs/${runId}/gates/q2/approve`)).status).toBe(200);
    await beacon.stopRouter();
    startRunner();
    await beacon.startRouter();
    const run = await untilStatus(runId, 'completed');
    expect(run.progress).toMatchObject({ accepted: 24 });
    expect(beacon.upstream.calls).toHaveLength(24);
  });

  it('leaves a signed receipt that names every call that was made, retries and substitutes included', async () => {
    let failures = 0;
    beacon.upstream.from('EU/llama', (call) => {
      failures += 1;
      call.respond(503, 'not now');
    });
    const runId = await start({
      models: ['llama'],
      region_policy: 'prefer',
      gates: [{ after_question: 'q8' }],
    });
    await untilStatus(runId, 'awaiting_approval');
    expect((await post(`/runs/${runId}/gates/q8/approve`)).status).toBe(200);
    await untilStatus(runId, 'completed');
    const { receipt, signature } = signedReceiptSchema.parse(
      await (await fetch(`${beacon.url}/runs/${runId}/receipt`)).json(),
    );
    beacon.upstream.from('EU/llama', (call) => call.answer());
    expect(checkReceipt(receipt)).toEqual([]);
    const der = Buffer.from(signature.public_key, 'base64');
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const signed = Buffer.from(canonicalJson(receipt));
    expect(verify(null, signed, key, Buffer.from(signature.value, 'base64'))).toBe(true);
    expect(failures).toBeGreaterThan(0);
    expect(receipt.counts).toMatchObject({
      ...{ cells: 24, answered: 16, substituted: 8, missing: 0, stray_outcomes: 0 },
      attempts: beacon.upstream.calls.length,
      by_region: { EU: { answered: 0, substituted: 8 } },
    });
    expect(receipt.gates).toMatchObject([{ gate_id: 'q8', status: 'approved' }]);
  });

  it('sends each cell its seed, the same in every region, and the receipt vouches for it', async () => {
    const questions = ['q1', 'q2', 'q3'].map((id) => ({ id, text: `seeded ${id}` }));
    const runId = await start({ questions, repeats: 2, seed: 42, question_order: 'shuffled' });
    await untilStatus(runId, 'completed');
    const { results } = (await (await fetch(`${beacon.url}/runs/${runId}/results`)).json()) as {
      results: CellResultView[];
    };
    for (const { question_id: questionId, model, repeat, seed } of results)
      expect(seed).toBe(cellSeed(42, { questionId, model, repeat }));
    // 3 questions, 3 models, 2 repeats.
    expect(new Set(results.map(({ seed }) => seed)).size).toBe(18);
    const textOf = new Map(questions.map(({ id, text }) => [id, text]));
    const asked = results.map(({ question_id: id, model, region, seed }) => [
      `${region}/${model}`,
      textOf.get(id),
      seed,
    ]);
    const sent = beacon.upstream.calls.map(({ endpoint, prompt, body }) => [endpoint, prompt, body['seed']]);
    expect(sent.map(String).sort()).toEqual(asked.map(String).sort());
    // Each endpoint is asked in the recorded order, which is not the given one.
    const { receipt } = signedReceiptSchema.parse(
      await (await fetch(`${beacon.url}/runs/${runId}/receipt`)).json(),
    );
    const order = receipt.questions.map(({ question_id: id }) => textOf.get(id));
    expect(order).toEqual(shuffledBySeed(questions, 42).map(({ text }) => text));
    expect(beacon.upstream.callsOf('EU/llama').map(({ prompt }) => prompt)).toEqual(
      order.flatMap((text) => [text, text]),
    );
    expect(receipt.run.parameters).toMatchObject({ seed: 42, question_order: 'shuffled' });
    expect(receipt.cells.flatMap(({ seed, jobs }) => jobs.map((job) => job.seed === seed))).toEqual(
      results.map(() => true),
    );
    expect(checkReceipt(receipt)).toEqual([]);
  });
});
