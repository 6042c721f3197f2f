/**
 * Runs of 100,000 cells: how long requests take (to the first byte, ms) while such a run is planned, posted, started and
 * driven, and while the receipt (100 MB) and the results of another one are being read, over and over.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'undici';
import { Database, lockRun, makeCells } from '../../dist/libs/persistence/index.js';
import { row, startStack, success, until } from './stack.js';

const QUESTIONS = 10_000;
const REPEATS = 2;
const CELLS = 100_000;
const LIMIT_MS = 200;
/** Of posting, starting and cancelling large runs. */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const POLLS = Number(process.env.POLLS ?? 150);
const MODELS = ['a', 'b'];
const REGIONS = ['US', 'EU', 'ASIA'];
const PAIRS = REGIONS.flatMap((region) => MODELS.map((model) => ({ region, model }))).slice(0, 5);
const QUIET = 'nothing else';
const READING = 'a receipt and results';

const stack = await startStack(
  (upstream) => ({
    limits: { endpoints: PAIRS.length, gpus: PAIRS.length, run_cells: CELLS },
    regions: Object.fromEntries(REGIONS.map((region) => [region, {}])),
    endpoints: PAIRS.map(({ region, model }) => ({
      ...{ id: `${region}-${model}`, region, models: [model], url: `${upstream}/${region}-${model}` },
    })),
  }),
  ({ endpoint, body }, respond) => {
    const [region] = endpoint.split('-');
    setTimeout(() => respond(200, success(region, body.model)), 100);
  },
);
const database = await Database.open(stack.postgresUrl, {
  ...{ applicationName: 'bench', poolSize: 2, onConnectionFault: () => undefined },
});
const agent = new Agent({ connections: 32, pipelining: 1, headersTimeout: 120_000, bodyTimeout: 0 });
const samples = new Map();
let during = QUIET;

/** One request, read to its end unless `firstByteOnly`. @returns its body; notes how long its first byte took */
async function request(name, path, { method = 'GET', json, firstByteOnly = false } = {}) {
  const beganMs = performance.now();
  const { statusCode, body } = await agent.request({
    ...{ origin: stack.url, path, method },
    ...(json === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) }),
  });
  if (statusCode >= 400) throw new Error(`${method} ${path}: ${statusCode} ${await body.text()}`);
  let firstMs;
  const chunks = [];
  let bytes = 0;
  for await (const chunk of body) {
    firstMs ??= performance.now() - beganMs;
    if (firstByteOnly) break;
    bytes += chunk.length;
    if (bytes < 4_000_000) chunks.push(chunk);
  }
  const key = `${name}, during ${during}`;
  samples.set(key, [...(samples.get(key) ?? []), firstMs ?? performance.now() - beganMs]);
  const text = Buffer.concat(chunks).toString();
  return firstByteOnly || bytes >= 4_000_000 || !text.startsWith('{') ? text : JSON.parse(text);
}

const largeRun = {
  questions: Array.from({ length: QUESTIONS }, (_, index) => ({
    id: `q${index}`,
    text: `Why is it so, ${index}?`,
  })),
  ...{ models: MODELS, regions: REGIONS, repeats: REPEATS },
};

/** What a run of 100,000 cells looks like when all is answered, made where it is stored. */
async function answerAll(runId) {
  await database.transaction(async (client) => {
    await lockRun(client, runId);
    await makeCells(client, runId, CELLS, 'pending');
  });
  await database.query(
    `INSERT INTO jobs (id, model, home_region, preferred_region, region_policy, priority, state, lane, order_key,
                       is_retry, not_before, attempt, epoch, max_attempts, timeout_ms, request, idempotency_key,
                       request_hash, result, started_at, completed_at)
     SELECT gen_random_uuid(), model, region, region, 'pin', 'normal', 'completed', 'pin:' || region, 0,
            false, now(), 1, 1, 4, 1000, '{}', 'run:' || run_id || ':' || cell_no || ':1',
            '\\x00', jsonb_build_object('response', 'ok ' || cell_no, 'region', region), now(), now()
       FROM cells WHERE run_id = '${runId}'`,
  );
  await database.query(
    `INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status, cold_start, execution_ms, attested,
                           started_at, finished_at)
     SELECT id, 1, 1, home_region || '-' || model, home_region, 'succeeded', false, 1000,
            '{"gpu":"T4","model_revision":"r1","container_id":"ta-1","tokens_in":9,"upstream_call_id":"fc-1"}', now(), now()
       FROM jobs WHERE starts_with(idempotency_key, 'run:${runId}:')`,
  );
  await database.query(
    `UPDATE cells SET state = 'accepted', submitted_at = now(), finished_at = now(), attempts = 1,
            answer = jobs.result->>'response', answered_region = region, endpoint_id = region || '-' || cells.model,
            inference_time_s = 1, tokens_generated = 2, job_id = jobs.id
       FROM jobs WHERE run_id = '${runId}' AND jobs.idempotency_key = 'run:${runId}:' || cell_no || ':1'`,
  );
  await database.query(
    `UPDATE runs SET status = 'completed', started_at = now(), finished_at = now() WHERE id = '${runId}'`,
  );
  await database.query('VACUUM ANALYZE');
}

async function poll(runId, doneId) {
  for (let count = 0; count < POLLS; count += 1) {
    await request('GET /runs/{id}', `/runs/${runId}`);
    await request('GET /runs', '/runs');
    await request('GET /queue/status', '/queue/status');
    await request('GET /runs/{id}/events', `/runs/${runId}/events`, { firstByteOnly: true });
    await request('GET /runs/{id}/results', `/runs/${doneId}/results?format=jsonl`, { firstByteOnly: true });
    await request('GET /runs/{id}/comparison', `/runs/${doneId}/comparison?question=q${count}`);
    await request('GET /runs/{id}, over', `/runs/${doneId}`);
    await request('GET /health', '/health');
    await delay(10);
  }
}

/** Reads the receipt and the results of a large run, again and again, until told to stop. */
function readLarge(doneId) {
  let stopped = false;
  const again = async (path) => {
    let times = 0;
    while (!stopped) {
      const { body, statusCode } = await agent.request({ origin: stack.url, path, method: 'GET' });
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode}`);
      for await (const _chunk of body) if (stopped) break;
      times += 1;
    }
    return times;
  };
  const reading = Promise.all([
    again(`/runs/${doneId}/receipt`),
    again(`/runs/${doneId}/results?format=csv`),
  ]);
  return async () => {
    stopped = true;
    return reading;
  };
}

let passed = true;
const note = (text) => process.stdout.write(`${text}\n`);
try {
  const done = await request('POST /runs', '/runs', { method: 'POST', json: largeRun });
  if (done.total_cells !== CELLS) throw new Error(`${done.total_cells} cells`);
  await answerAll(done.run_id);
  await stack.startRunner();
  let runId;
  for (const load of [QUIET, READING]) {
    during = load;
    const stop = load === READING ? readLarge(done.run_id) : undefined;
    for (let round = 0; round < ROUNDS; round += 1) {
      await request('POST /runs/plan', '/runs/plan', { method: 'POST', json: largeRun });
      const order = ['question', 'pipeline'][round % 2];
      ({ run_id: runId } = await request('POST /runs', '/runs', {
        method: 'POST',
        json: { ...largeRun, order },
      }));
      await request('GET /runs/{id}, just posted', `/runs/${runId}`);
      // The others are cancelled while their cells are being made.
      if (round % 2 === 0 || round === ROUNDS - 1) {
        await until(
          async () => (await request('GET /runs/{id}, being made', `/runs/${runId}`)).progress.accepted > 0,
          60_000,
          'cells',
        );
      }
      if (round === ROUNDS - 1) await poll(runId, done.run_id);
      await request('POST /runs/{id}/cancel', `/runs/${runId}/cancel`, { method: 'POST' });
      await until(
        async () => (await request('GET /runs/{id}, being cancelled', `/runs/${runId}`)).finished_at !== null,
        60_000,
        'the end of a cancelled run',
      );
    }
    if (stop !== undefined) {
      const [receipts, results] = await stop();
      note(`read meanwhile: ${receipts} receipts, ${results} results`);
    }
  }
  for (const [name, list] of [...samples].sort()) passed = row(name, list, LIMIT_MS) && passed;
} finally {
  await agent.destroy();
  await database.close();
  await stack.stop();
}
process.exitCode = passed ? 0 : 1;
