/**
 * What a flood does to somebody else's first job: a tenant posts 50,000 jobs, then another one job. Its time, from the
 * request to the answer recorded, against the time it takes when nobody else has anything waiting. Alternating: with the
 * flood (F), without (U), F, U, ...; the flood is taken out of the queue and put back in between, in the database. Also how long
 * the other tenant's POST takes while the flood is being posted.
 */
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { Agent } from 'undici';
import { quantiles, row, startStack, success } from './stack.js';

const FLOOD = 50_000;
const TRIALS = 15;
const CONNECTIONS = 64;
const CALL_MS = 400;
const SERVICE_TOKEN = 'bench-service-token-0123456789abcdef';

const MODELS = ['one', 'four'];
const stack = await startStack(
  (upstream) => ({
    timeouts: { execution_ms: 60_000, drain_ms: 0 },
    regions: { US: {} },
    endpoints: MODELS.map((model) => ({
      ...{ id: `us-${model}`, region: 'US', models: [model], url: `${upstream}/us-${model}` },
      concurrency: model === 'four' ? 4 : 1,
    })),
  }),
  ({ body }, respond) => {
    setTimeout(() => respond(200, success('US', body.model)), CALL_MS);
  },
  { env: { BEACON_SERVICE_TOKEN: SERVICE_TOKEN } },
);
const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
const database = new pg.Pool({ connectionString: stack.postgresUrl, max: 2 });

/** Beacon's own processes may speak for any tenant. */
async function request(tenant, path, body) {
  const { statusCode, body: reply } = await agent.request({
    origin: stack.url,
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${SERVICE_TOKEN}`,
      'x-beacon-tenant': tenant,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}: ${text}`);
  return JSON.parse(text);
}

const submit = (tenant, model) => request(tenant, '/inference/queued', { model, prompt: 'why?' });

/** Milliseconds from the request to the answer. */
async function timed(tenant, model) {
  const beganMs = performance.now();
  await request(tenant, '/inference', { model, prompt: 'why?' });
  return performance.now() - beganMs;
}

async function flood(model, count, onPosted = () => undefined) {
  let left = count;
  await Promise.all(
    Array.from({ length: CONNECTIONS - 8 }, async () => {
      while (left > 0) {
        left -= 1;
        await submit('flood', model);
        onPosted();
      }
    }),
  );
}

const park = (model) =>
  database.query(`UPDATE jobs SET state = 'cancelled' WHERE model = $1 AND state IN ('queued', 'retrying')`, [
    model,
  ]);
const unpark = (model) =>
  database.query(`UPDATE jobs SET state = 'queued' WHERE model = $1 AND state = 'cancelled'`, [model]);
async function untilIdle(model) {
  for (;;) {
    const { rows } = await database.query(
      `SELECT count(*)::integer AS open FROM jobs WHERE model = $1 AND state NOT IN ('completed', 'cancelled')`,
      [model],
    );
    if (rows[0].open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
/** The flood's calls are under way, at a random moment of a call. */
async function untilBusy(model, concurrency) {
  for (;;) {
    const { rows } = await database.query(
      `SELECT count(*)::integer AS out FROM slots WHERE endpoint_id = $1 AND tenant = 'flood'`,
      [`us-${model}`],
    );
    if (rows[0].out > concurrency) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * CALL_MS));
}

let passed = true;
try {
  for (const model of MODELS) {
    for (let index = 0; index < 5; index += 1) await timed('other', model);
    const postsMs = [];
    let posting = true;
    const watch = (async () => {
      while (posting) {
        const beganMs = performance.now();
        await request('other', '/inference/queued', { model: 'one', prompt: 'why?', priority: 'low' });
        postsMs.push(performance.now() - beganMs);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await flood(model, FLOOD);
    posting = false;
    await watch;
    row(`${model}: the other's POST while ${FLOOD} are posted, ms`, postsMs);
    await database.query(`UPDATE jobs SET state = 'cancelled' WHERE tenant = 'other' AND state = 'queued'`);
    await database.query(`UPDATE jobs SET model = 'kept' WHERE tenant = 'other' AND state = 'cancelled'`);

    const flooded = [];
    const unloaded = [];
    for (let trial = 0; trial < TRIALS; trial += 1) {
      await untilBusy(model, model === 'four' ? 4 : 1);
      flooded.push(await timed('other', model));
      await park(model);
      await untilIdle(model);
      unloaded.push(await timed('other', model));
      await unpark(model);
    }
    const statusMs = [];
    for (let index = 0; index < 200; index += 1) {
      const beganMs = performance.now();
      await request('other', '/queue/status');
      statusMs.push(performance.now() - beganMs);
    }
    const { rows } = await database.query(
      `SELECT count(*)::integer AS waiting FROM jobs WHERE model = $1 AND state = 'queued'`,
      [model],
    );
    const figure = (samples) => {
      const sorted = [...samples].sort((left, right) => left - right);
      return `median ${quantiles(sorted).p50.toFixed(0)} (${sorted[0].toFixed(0)}..${sorted.at(-1).toFixed(0)}) ms`;
    };
    const delay = quantiles(flooded).p50 - quantiles(unloaded).p50;
    const ratio = delay / quantiles(unloaded).p50;
    const verdict = ratio < 2 ? 'below 2' : 'NOT below 2';
    process.stdout.write(
      `${model}: first job beside ${rows[0].waiting} waiting: ${figure(flooded)}; unloaded: ${figure(unloaded)}; delay ${delay.toFixed(0)} ms, ${ratio.toFixed(2)} times the unloaded time  ${verdict}\n`,
    );
    passed = row(`${model}: queue/status meanwhile, ms`, statusMs, 10) && ratio < 2 && passed;
    await park(model);
    await untilIdle(model);
  }
} finally {
  await agent.destroy();
  await database.end();
  await stack.stop();
}
process.exitCode = passed ? 0 : 1;
