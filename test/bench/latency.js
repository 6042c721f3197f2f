/**
 * Two latencies, seen from the endpoints' side (ms):
 * - failover: from the end of a failed answer to the arrival of the job's next attempt in another region
 * - gap: from the end of an answer to the arrival of the next job's call at the same, busy endpoint
 * - floor: the same, for a bare HTTP client that only posts again; what no router on this machine can go below
 */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { post, row, startStack, success, until } from './stack.js';

const FAILOVERS = 500;
const GAPS = 400;
const FLOOR_CALLS = 150;
/** Short for a model, long against admission: the next ticket has to be at the door before the call ends. */
const CALL_MS = 100;

const configuration = (upstream) => ({
  limits: { endpoints: 8, gpus: 8 },
  retries: { max_attempts: 4 },
  breaker: { failures: 100 },
  regions: { US: {}, EU: {}, ASIA: {} },
  endpoints: [
    { id: 'us-flaky', region: 'US', models: ['flaky'], url: `${upstream}/us-flaky` },
    { id: 'eu-flaky', region: 'EU', models: ['flaky'], url: `${upstream}/eu-flaky` },
    { id: 'asia-busy', region: 'ASIA', models: ['busy'], url: `${upstream}/asia-busy` },
  ],
});

const failedAtMs = new Map();
const failovers = [];
const gaps = { 'asia-busy': [], floor: [] };
const answeredAtMs = {};
let busyCalls = 0;
let usCalls = 0;

const stack = await startStack(configuration, ({ endpoint, jobId, atMs }, respond) => {
  if (endpoint === 'us-flaky') {
    usCalls += 1;
    // Now and then it answers, so that its breaker stays closed and every failure is met by a failover.
    if (usCalls % 10 === 0) {
      respond(200, success('US', 'flaky'));
      return;
    }
    failedAtMs.set(jobId, performance.now());
    respond(500, { detail: 'broken' });
    return;
  }
  if (endpoint === 'eu-flaky') {
    const failed = failedAtMs.get(jobId);
    if (failed !== undefined) failovers.push(atMs - failed);
    respond(200, success('EU', 'flaky'));
    return;
  }
  if (endpoint === 'asia-busy') busyCalls += 1;
  if (answeredAtMs[endpoint] !== undefined) gaps[endpoint].push(atMs - answeredAtMs[endpoint]);
  setTimeout(() => {
    respond(200, success('ASIA', 'busy'));
    answeredAtMs[endpoint] = performance.now();
  }, CALL_MS);
});

function measureFloor() {
  answeredAtMs.floor = undefined;
  const client = spawn(process.execPath, [
    new URL('floor-client.js', import.meta.url).pathname,
    stack.upstreamUrl,
    String(FLOOR_CALLS),
  ]);
  return new Promise((resolve) => client.once('exit', resolve));
}

let passed = true;
try {
  for (let index = 0; index < FAILOVERS; index += 1) {
    const { body } = await post(stack.url, '/inference', {
      model: 'flaky',
      prompt: 'x',
      region_preference: 'US',
    });
    if (body.success !== true) throw new Error(`a job failed: ${JSON.stringify(body)}`);
  }
  // The first few warm processes and connections up; they are measured, and left out of the figure.
  passed = row('failed outcome to next attempt, ms', failovers.slice(20), 50) && passed;

  await measureFloor();
  for (let index = 0; index < GAPS; index += 50) {
    await Promise.all(
      Array.from({ length: 50 }, () =>
        post(stack.url, '/inference/queued', { model: 'busy', prompt: 'x', region_preference: 'ASIA' }),
      ),
    );
  }
  await until(() => busyCalls >= GAPS, GAPS * CALL_MS * 5, 'the queue to run empty');
  await measureFloor();
  passed = row('gap between two jobs on a busy endpoint, ms', gaps['asia-busy'].slice(20), 5) && passed;
  row('floor: a bare client on this machine, ms', gaps.floor.slice(20));
} finally {
  await stack.stop();
}
process.exitCode = passed ? 0 : 1;
