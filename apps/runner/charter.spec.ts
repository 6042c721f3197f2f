import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { charterSignedReceiptSchema, checkReceipt, forbiddenFieldsIn, signedReceiptSchema } from '#contracts';
import { canonicalJson } from '#domain';
import { connectNats, type NatsConnection } from '#messaging';
import { createLogger, Metrics } from '#observability';
import { deploymentOf, startBeacon, until, type Beacon, type UpstreamCall } from '#testing';
import { natsHints } from './hints.js';
import { RouterClient } from './router-client.js';
import { RunSupervisor } from './run-supervisor.js';

// Everything that a customer must not learn has a mark here: where one is found in an answer, it leaked.
const SERVICE_TOKEN = 'a-token-of-32-characters-or-more-x';
const MARK = {
  endpoint: 'marked-endpoint',
  workspace: 'marked-workspace',
  gpu: 'L40S',
  attestedGpu: 'marked-gpu',
  container: 'marked-container',
  upstreamError: 'marked upstream error',
  taskModel: 'marked-task-model',
} as const;

let beacon: Beacon;
let connection: NatsConnection;
let runner: RunSupervisor;
const webhooks: string[] = [];

const answersMarked = (call: UpstreamCall): void =>
  call.answer({
    gpu: MARK.attestedGpu,
    container_id: MARK.container,
    model_revision: 'rev-1',
    tokens_in: 424_242,
  });
const failsMarked = (call: UpstreamCall): void => call.respond(500, MARK.upstreamError);
const refusesMarked = (call: UpstreamCall): void => call.respond(400, { error: MARK.upstreamError });

beforeAll(async () => {
  const place = (region: string, more: object = {}) => ({
    ...{ region, gpu: MARK.gpu, workspace: MARK.workspace },
    ...more,
  });
  beacon = await startBeacon({
    configuration: deploymentOf(
      {
        llama: [place('US', { id: `${MARK.endpoint}-1` }), place('EU', { id: `${MARK.endpoint}-2` })],
        qwen: [place('US', { id: `${MARK.endpoint}-3` })],
        [MARK.taskModel]: [place('EU', { id: `${MARK.endpoint}-4` })],
      },
      {
        tasks: { research: { owner: 'scout_ang', model: MARK.taskModel } },
        webhooks: { allow_private_addresses: true },
      },
    ),
    keys: {
      anna: { roles: ['submit'] },
      reader: { roles: ['read'], tenant: 'anna' },
      payer: { roles: ['read', 'ledger'], tenant: 'anna' },
      ops: { roles: ['operate'] },
      admin: { roles: ['admin'] },
    },
    serviceToken: SERVICE_TOKEN,
  });
  for (const endpoint of ['US/llama', 'EU/llama', `EU/${MARK.taskModel}`])
    beacon.upstream.from(endpoint, answersMarked);
  beacon.upstream.from('US/qwen', refusesMarked);
  connection = await connectNats({
    url: beacon.nats.url,
    name: 'runner',
    onReconnect: () => undefined,
    onDisconnect: () => undefined,
  });
  runner = new RunSupervisor({
    database: beacon.database,
    router: new RouterClient({ baseUrl: beacon.url, serviceToken: SERVICE_TOKEN }),
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

/** As it came over the wire, headers and all. */
interface Seen {
  readonly route: string;
  readonly status: number;
  readonly headers: string;
  readonly text: string;
}
const seen: Seen[] = [];

async function ask(key: string, method: string, path: string, json?: unknown): Promise<Seen> {
  const response = await fetch(beacon.url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const text = Buffer.from(await response.arrayBuffer()).toString('utf8');
  const one = {
    ...{ route: `${method} ${path}`, status: response.status, text },
    headers: JSON.stringify([...response.headers]),
  };
  if (key === 'anna' || key === 'reader') seen.push(one);
  return one;
}
const bodyOf = ({ text }: Seen): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
const runBody = (changes: object = {}) => ({
  name: 'bias',
  questions: [
    { id: 'q1', text: 'Why?' },
    { id: 'q2', text: 'How?' },
  ],
  models: ['llama', 'qwen'],
  regions: ['US', 'EU'],
  ...changes,
});

/** Numbers that say what something costs, wherever they are in an answer. */
function costsIn(value: unknown, name = ''): number[] {
  if (typeof value === 'number') return /usd/.test(name) && value > 0 ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => costsIn(member, Array.isArray(value) ? name : key));
}

describe('what customers are answered with', () => {
  let runId: string;
  const costs: number[] = [];

  it('is the charter, over the whole life of jobs, failures and tasks', async () => {
    const queued = bodyOf(await ask('anna', 'POST', '/inference/queued', { model: 'llama', prompt: 'one' }));
    const jobId = String(queued['job_id']);
    await beacon.client.as('anna').untilEnded(jobId);
    const job = bodyOf(await ask('reader', 'GET', `/inference/status/${jobId}`));
    expect(job).toMatchObject({ status: 'completed', result: { success: true } });
    expect(bodyOf(await ask('ops', 'GET', `/inference/status/${jobId}`))).toMatchObject({
      attempts: [{ endpoint_id: expect.stringContaining(MARK.endpoint) }],
    });
    await ask('anna', 'DELETE', `/inference/${jobId}`);

    const waited = bodyOf(await ask('anna', 'POST', '/inference', { model: 'llama', prompt: 'two' }));
    expect(['US', 'EU']).toContain(waited['provider_used']);

    const bad = bodyOf(await ask('anna', 'POST', '/v1/inference', { model: 'qwen', prompt: 'three' }));
    expect(bad['error']).toEqual({
      code: 'REQUEST_REJECTED',
      message: 'the model does not take this request',
    });
    const failed = bodyOf(await ask('anna', 'GET', `/inference/status/${String(bad['job_id'])}`));
    expect(failed).toMatchObject({ status: 'failed', error: bad['error'] });

    beacon.upstream.next('US/llama', failsMarked, failsMarked);
    beacon.upstream.next('EU/llama', failsMarked, failsMarked);
    const tried = bodyOf(await ask('anna', 'POST', '/inference', { model: 'llama', prompt: 'four' }));
    await ask('anna', 'GET', `/inference/status/${String(tried['job_id'])}`);

    for (const path of ['/queue/status', '/queue/status/US', '/queue/status/MARS'])
      await ask('reader', 'GET', path);
    expect((await ask('reader', 'GET', '/providers')).status).toBe(403);
    await ask('reader', 'GET', '/metrics');
    await ask('anna', 'POST', '/inference/queued', { model: 'nobody', prompt: 'x' });
    await ask('anna', 'POST', '/inference/queued', {
      model: 'qwen',
      prompt: 'x',
      region_policy: 'pin',
      region_preference: 'EU',
    });

    const task = bodyOf(
      await ask('anna', 'POST', '/api/modal/execute-task', { task_type: 'research', prompt: 'five' }),
    );
    const taskPath = `/tasks/${String(task['task_id'])}`;
    await until(
      'the task has ended',
      async () => bodyOf(await ask('reader', 'GET', taskPath))['status'] === 'completed',
    );
    await ask('reader', 'GET', '/tasks');
    await ask('anna', 'DELETE', taskPath);
    const tasks = seen.filter(({ route }) => /task/.test(route)).map(({ text }) => text);
    expect(tasks.join()).not.toContain(MARK.taskModel);
  });

  it('is the charter, over the whole life of a run with a gate', async () => {
    const plan = await ask('anna', 'POST', '/runs/plan', runBody());
    expect(bodyOf(plan)).toMatchObject({ cells_per_region: { US: 4, EU: 2 } });
    costs.push(...costsIn(bodyOf(await ask('admin', 'POST', '/runs/plan', runBody()))));
    const body = runBody({
      gates: [{ after_question: 'q1' }],
      webhook_url: 'http://127.0.0.1:1/',
    });
    const created = await ask('anna', 'POST', '/runs', body);
    expect(created.status).toBe(202);
    runId = String(bodyOf(created)['run_id']);
    const path = `/runs/${runId}`;
    const status = async (): Promise<unknown> => bodyOf(await ask('reader', 'GET', path))['status'];
    const events = ask('reader', 'GET', `${path}/events`);
    await until('the run stands at its gate', async () => (await status()) === 'awaiting_approval');
    await ask('anna', 'POST', `${path}/pause`);
    await ask('anna', 'POST', `${path}/resume`);
    await ask('anna', 'POST', `${path}/gates/q1/approve`);
    await until('the run has ended', async () => (await status()) === 'completed_with_failures');
    expect((await events).text).toMatch(
      /event: cell\.accepted\n[^]*event: progress\n[^]*event: run\.finished/,
    );
    for (const format of ['json', 'jsonl', 'csv']) {
      const results = await ask('reader', 'GET', `${path}/results?format=${format}`);
      expect(results.status).toBe(200);
      expect(results.text).toContain('rev-1');
    }
    for (const more of ['/comparison', '/comparison?question=q2', '/comparison?question=none', '/receipt'])
      await ask('reader', 'GET', path + more);
    await ask('reader', 'GET', '/runs');
    await ask('anna', 'POST', `${path}/cancel`);
    await ask('anna', 'POST', `${path}/gates/q1/reject`);
    const admin = bodyOf(await ask('admin', 'GET', path));
    costs.push(...costsIn(admin));
    expect(JSON.stringify(admin)).toContain(MARK.endpoint);
    expect(costs.length).toBeGreaterThan(3);
    await ask('anna', 'POST', `${path}/retry-failed`, {});
    await ask('anna', 'POST', `${path}/extend`, { repeats: 2 });
    // As they are stored they are sent, byte by byte.
    const { rows } = await beacon.database.query<{ body: string }>('SELECT body FROM webhook_deliveries');
    expect(rows.length).toBeGreaterThan(1);
    webhooks.push(...rows.map(({ body: sent }) => sent));
  });

  it('has no forbidden name and none of the marks, on its raw bytes, in none of its answers', () => {
    expect(seen.length).toBeGreaterThan(35);
    expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200, 202, 400, 403, 404, 409]));
    const { host } = new URL(beacon.upstream.url);
    const marks = [...Object.values(MARK), host, '424242', ...costs.map(String)].filter(
      // Figures that may well be others too say nothing.
      (mark) => mark !== MARK.taskModel && mark.length > 3,
    );
    for (const { route, headers, text } of seen) {
      const all = headers + text;
      expect({ route, leaked: marks.filter((mark) => all.includes(mark)) }).toEqual({ route, leaked: [] });
      expect({ route, names: forbiddenFieldsIn(text) }).toEqual({ route, names: [] });
      expect({ route, headers: /endpoint|cost|gpu|workspace|provider/.test(headers) }).toEqual({
        route,
        headers: false,
      });
    }
    for (const webhook of webhooks) {
      expect(forbiddenFieldsIn(webhook)).toEqual([]);
      expect(marks.filter((mark) => mark !== host && webhook.includes(mark))).toEqual([]);
    }
  });

  it('is a receipt of its own that holds when it is verified', async () => {
    const { text } = await ask('reader', 'GET', `/runs/${runId}/receipt`);
    const signed = signedReceiptSchema.parse(JSON.parse(text));
    expect(charterSignedReceiptSchema.safeParse(JSON.parse(text)).error?.issues).toBeUndefined();
    expect(checkReceipt(signed.receipt)).toEqual([]);
    expect(canonicalJson(JSON.parse(text))).toBe(text);
    expect(signed.receipt.face).toBe('charter');
    expect(signed.receipt.cells.find(({ status }) => status === 'accepted')).toMatchObject({
      model_revision: 'rev-1',
      jobs: [{ attempts: [{ region: expect.stringMatching(/^(US|EU)$/) }] }],
    });
    const whole = signedReceiptSchema.parse(
      JSON.parse((await ask('ops', 'GET', `/runs/${runId}/receipt`)).text),
    );
    expect(checkReceipt(whole.receipt)).toEqual([]);
    expect(whole.receipt.cells.some(({ gpu }) => gpu === MARK.attestedGpu)).toBe(true);
  });

  it('has what things cost for whoever pays, and for nobody else', async () => {
    const path = `/runs/${runId}`;
    const costOf = async (key: string): Promise<unknown[]> => {
      const run = bodyOf(await ask(key, 'GET', path)) as {
        plan: { orders: { cost_usd: unknown }[] };
        budget: { spent_usd: unknown };
      };
      return [run.plan.orders[0]!.cost_usd, run.budget.spent_usd];
    };
    const whole = await costOf('admin');
    expect(whole).toEqual([expect.any(Number), expect.any(Number)]);
    for (const key of ['reader', 'ops']) expect(await costOf(key)).toEqual([null, null]);
    expect((await costOf('payer'))[0]).toBe(whole[0]);
    expect(forbiddenFieldsIn((await ask('payer', 'GET', path)).text)).toEqual([]);
    expect((await ask('ops', 'GET', path)).text).toContain('cells_per_endpoint');
  });

  it('cannot be asked for what things cost by way of a budget', async () => {
    for (const [path, body] of [
      ['/runs', runBody({ budget: { usd: 1 } })],
      ['/runs/plan', runBody({ budget_usd: 1 })],
      [`/runs/${runId}/extend`, { repeats: 9, budget: { usd: 1 } }],
    ] as const) {
      expect(await ask('anna', 'POST', path, body)).toMatchObject({
        status: 403,
        text: expect.stringContaining('budget.gpu_seconds'),
      });
    }
    expect((await ask('anna', 'POST', '/runs/plan', runBody({ budget: { gpu_seconds: 1 } }))).status).toBe(
      200,
    );
    expect((await ask('payer', 'POST', '/runs/plan', runBody({ budget_usd: 1 }))).status).toBe(200);
  });
});
