/**
 * What traces cost: latency of one job after the other, and processor time of all of Beacon's processes per job under load,
 * with tracing off and on, round by round. Processor time is what other work on the machine disturbs least.
 * `BENCH_ROUNDS` rounds (5) of each.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import { post, quantiles, startStack, success } from './stack.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const ONE_BY_ONE = 100;
const AT_ONCE = 32;
const UNDER_LOAD = 1000;
/** Of Linux, where these figures are of use. */
const TICK_MS = 10;

const configuration = (upstream) => ({
  limits: { endpoints: 8, gpus: 8 },
  regions: { US: {} },
  endpoints: [{ id: 'us-fast', region: 'US', models: ['fast'], url: `${upstream}/us-fast`, concurrency: 64 }],
});

const collector = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end('{}'));
});
await new Promise((resolve) => collector.listen(0, '127.0.0.1', resolve));
const MODES = {
  off: {},
  on: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}` },
};

function processorMs(pids) {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}

async function round(everywhere) {
  const stack = await startStack(configuration, (_call, respond) => respond(200, success('US', 'fast')), {
    everywhere,
  });
  const job = () => post(stack.url, '/inference', { model: 'fast', prompt: 'x' });
  try {
    // Warms code and connections up.
    for (let count = 0; count < 100; count += 1) await job();
    const latencies = [];
    for (let count = 0; count < ONE_BY_ONE; count += 1) {
      const beganMs = performance.now();
      await job();
      latencies.push(performance.now() - beganMs);
    }
    const before = processorMs(stack.pids());
    let left = UNDER_LOAD;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (left > 0) {
          left -= 1;
          await job();
        }
      }),
    );
    return {
      latencyMs: quantiles(latencies).p50,
      processorMs: (processorMs(stack.pids()) - before) / UNDER_LOAD,
    };
  } finally {
    await stack.stop();
  }
}

const figures = { off: [], on: [] };
for (let index = 0; index < ROUNDS; index += 1) {
  // Neither always goes first.
  const order = index % 2 === 0 ? ['off', 'on'] : ['on', 'off'];
  for (const mode of order) figures[mode].push(await round(MODES[mode]));
}
for (const [mode, rounds] of Object.entries(figures)) {
  for (const name of ['latencyMs', 'processorMs']) {
    const { n, p50, max } = quantiles(rounds.map((each) => each[name]));
    const min = Math.min(...rounds.map((each) => each[name]));
    process.stdout.write(
      `tracing ${mode.padEnd(4)} ${name.padEnd(12)} per job, ms: median of ${n} rounds ${p50.toFixed(2)}, ${min.toFixed(2)} to ${max.toFixed(2)}\n`,
    );
  }
}
collector.close();
