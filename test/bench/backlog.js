/**
 * A backlog of 100,000 jobs against an empty queue: intake rate (A, B, A, B: the queue is filled in between and
 * emptied by nothing, so both are measured on the same stack), latency of GET /queue/status, memory of the router.
 */
import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { Agent } from 'undici';
import { row, startStack } from './stack.js';

const BACKLOG = 100_000;
const BATCH = 5000;
const CONNECTIONS = 64;
const READS = 400;
const RSS_LIMIT_MIB = 300;

// One endpoint that never answers: its queue only grows.
const stack = await startStack(
  (upstream) => ({
    timeouts: { execution_ms: 3_600_000, drain_ms: 0 },
    regions: { US: {}, EU: {}, ASIA: {} },
    endpoints: [{ id: 'us-stuck', region: 'US', models: ['stuck'], url: `${upstream}/us-stuck` }],
  }),
  () => undefined,
);
const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
const prompt = 'Describe the situation in one paragraph. '.repeat(5);

async function submit(count) {
  let left = count;
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left > 0) {
        left -= 1;
        const { statusCode, body } = await agent.request({
          origin: stack.url,
          path: '/inference/queued',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'stuck', prompt, region_preference: 'US' }),
        });
        await body.dump();
        if (statusCode !== 202) throw new Error(`refused with ${statusCode}`);
      }
    }),
  );
  return count / ((performance.now() - beganMs) / 1000);
}

async function readStatus() {
  const samples = [];
  for (let index = 0; index < READS; index += 1) {
    const beganMs = performance.now();
    const { body } = await agent.request({ origin: stack.url, path: '/queue/status', method: 'GET' });
    await body.json();
    samples.push(performance.now() - beganMs);
  }
  return samples;
}

async function rssMiB() {
  const status = await readFile(`/proc/${stack.routerPid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

const figure = (rates) => {
  const sorted = [...rates].sort((left, right) => left - right);
  return `median ${sorted[Math.floor(sorted.length / 2)].toFixed(0)} (${sorted[0].toFixed(0)}..${sorted.at(-1).toFixed(0)}) jobs/s`;
};

let passed = true;
try {
  await submit(2000); // connections, plans and compiled code
  const empty = [];
  for (let round = 0; round < 4; round += 1) empty.push(await submit(BATCH));
  row('queue/status, 22,000 queued, ms', await readStatus());
  const filled = empty.length * BATCH + 2000;
  await submit(BACKLOG - filled);
  const full = [];
  for (let round = 0; round < 4; round += 1) full.push(await submit(BATCH));
  passed = row('queue/status, >100,000 queued, ms', await readStatus(), 10) && passed;
  const median = (rates) => [...rates].sort((left, right) => left - right)[Math.floor(rates.length / 2)];
  const slowdown = 1 - median(full) / median(empty);
  process.stdout.write(`intake, up to 22,000 queued:    ${figure(empty)}\n`);
  process.stdout.write(`intake, above 100,000 queued:   ${figure(full)}\n`);
  process.stdout.write(
    `slowdown ${(slowdown * 100).toFixed(1)} %${slowdown < 0.2 ? '  below 20 %' : '  NOT below 20 %'}\n`,
  );
  const mib = await rssMiB();
  process.stdout.write(
    `router memory ${mib.toFixed(0)} MiB${mib < RSS_LIMIT_MIB ? `  below ${RSS_LIMIT_MIB}` : `  NOT below ${RSS_LIMIT_MIB}`}\n`,
  );
  passed = passed && slowdown < 0.2 && mib < RSS_LIMIT_MIB;
} finally {
  await agent.destroy();
  await stack.stop();
}
process.exitCode = passed ? 0 : 1;
