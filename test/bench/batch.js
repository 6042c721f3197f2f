/**
 * Batches of 50,000 lines: one of short questions, one whose file has about 190 MB, and one during which the router is
 * killed (SIGKILL) again and again. Upload, validation, asking, answers and the output file; an upstream that answers at
 * once. Peak memory of the router as the kernel has it (VmHWM), and that every custom_id is answered once and every line
 * was paid for once.
 *
 * BATCH_LINES: other than 50,000. BATCH_ONLY: `short`, `large` or `killed`.
 */
import { readFile } from 'node:fs/promises';
import { ReadableStream, TextDecoderStream } from 'node:stream/web';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { post, startStack } from './stack.js';

const LINES = Number(process.env.BATCH_LINES ?? 50_000);
const RSS_LIMIT_MIB = 300;
const LARGE_LINE_BYTES = 3_950;
const KILLS = 4;
const REGIONS = ['US', 'EU', 'ASIA'];
const GIVE_UP_MS = 15 * 60_000;

/** Text that does not compress to nothing. */
const filler = Array.from({ length: 700 }, (_, index) => ((index * 2_654_435_761) >>> 0).toString(36)).join(
  ' ',
);

const calls = new Map();
let answerBytes = 60;

async function measure(name, questionBytes, kills) {
  calls.clear();
  const stack = await startStack(
    (upstream) => ({
      limits: { endpoints: REGIONS.length, gpus: REGIONS.length },
      regions: Object.fromEntries(REGIONS.map((region) => [region, {}])),
      endpoints: REGIONS.map((region) => ({
        ...{ id: region, region, models: ['m'], url: `${upstream}/${region}`, concurrency: 64 },
      })),
    }),
    ({ endpoint, body, attempt }, respond) => {
      const prompt = String(body.messages?.[0]?.content ?? body.prompt);
      const number = Number(/^line (\d+)/.exec(prompt)?.[1]);
      calls.set(number, (calls.get(number) ?? 0) + 1);
      if (attempt !== 1) calls.set('retries', (calls.get('retries') ?? 0) + 1);
      respond(200, {
        ...{ status: 'success', response: `answer ${number} ${filler.slice(0, answerBytes)}`, model: 'm' },
        ...{ inference_time: 0.01, region: endpoint, tokens_generated: 12 },
      });
    },
  );
  let peakMiB = 0;
  const sample = async () => {
    const status = await readFile(`/proc/${stack.routerPid}/status`, 'utf8').catch(() => '');
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  };
  const times = {};
  const lap = async (phase, work) => {
    const beganMs = performance.now();
    const result = await work();
    times[phase] =
      `${((performance.now() - beganMs) / 1000).toFixed(1)} s, ${(await sample()).toFixed(0)} MiB`;
    return result;
  };
  try {
    const idleMiB = await sample();
    const file = await lap('upload', () => upload(stack.url, questionBytes));
    const asked = await post(stack.url, '/v1/batches', {
      ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    });
    if (asked.status !== 200) throw new Error(JSON.stringify(asked.body));
    const batch = await lap('batch', () => follow(stack, asked.body.id, kills, sample));
    const found = await lap('download', () => readOutput(stack.url, batch.output_file_id));
    const twice = [...calls].filter(([number, count]) => number !== 'retries' && count > 1).length;
    const ok =
      batch.status === 'completed' &&
      batch.request_counts.completed === LINES &&
      found.once === LINES &&
      found.wrong === 0 &&
      peakMiB < RSS_LIMIT_MIB &&
      // A call in flight when its router dies is not called again: the dispatcher has it.
      twice === 0;
    process.stdout.write(
      `${name.padEnd(7)} ${LINES} lines, ${(file.bytes / 1e6).toFixed(0)} MB: ${batch.status}, ` +
        `answered once ${found.once}, wrong ${found.wrong}, called twice ${twice}; ` +
        `router idle ${idleMiB.toFixed(0)} MiB, peak ${peakMiB.toFixed(0)} MiB ` +
        `${peakMiB < RSS_LIMIT_MIB ? 'below' : 'NOT below'} ${RSS_LIMIT_MIB}; ${JSON.stringify(times)}${ok ? '' : '  FAILED'}\n`,
    );
    if (batch.errors !== null) process.stdout.write(`${JSON.stringify(batch.errors)}\n`);
    return ok;
  } finally {
    await stack.stop();
  }
}

async function follow(stack, id, kills, sample) {
  const endMs = performance.now() + GIVE_UP_MS;
  let killed = 0;
  for (;;) {
    await delay(100);
    await sample();
    const batch = await fetch(`${stack.url}/v1/batches/${id}`)
      .then((reply) => reply.json())
      .catch(() => undefined);
    if (batch === undefined) continue;
    if (['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) return batch;
    // While it validates, twice while it asks, and while it writes: the last at whatever it does then.
    const { completed, total } = batch.request_counts;
    const due =
      (killed === 0 && batch.status === 'validating') ||
      (killed >= 1 && killed < 3 && total > 0 && completed >= (total * killed) / 3) ||
      (killed === 3 && batch.status === 'finalizing');
    if (due && killed < kills) {
      killed += 1;
      process.stdout.write(`killed in ${batch.status} at ${completed} of ${total}\n`);
      await stack.killRouter();
    }
    if (performance.now() > endMs) throw new Error(`gave up: ${JSON.stringify(batch)}`);
  }
}

function lineOf(number, questionBytes) {
  const content = `line ${number} ${filler.slice(0, questionBytes)}`;
  return `${JSON.stringify({
    ...{ custom_id: `request-${number}`, method: 'POST', url: '/v1/chat/completions' },
    body: { model: 'm', messages: [{ role: 'user', content }], max_tokens: 64 },
  })}\n`;
}

/** A form whose file is made while it is sent. */
async function upload(url, questionBytes) {
  const boundary = 'batch-of-lines';
  async function* body() {
    yield `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`;
    yield `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="lines.jsonl"\r\n`;
    yield 'content-type: application/jsonl\r\n\r\n';
    for (let number = 1; number <= LINES; number += 50) {
      let piece = '';
      for (let next = number; next < number + 50 && next <= LINES; next += 1)
        piece += lineOf(next, questionBytes);
      yield piece;
    }
    yield `\r\n--${boundary}--\r\n`;
  }
  const encoder = new TextEncoder();
  async function* bytes() {
    for await (const piece of body()) yield encoder.encode(piece);
  }
  const reply = await fetch(`${url}/v1/files`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: ReadableStream.from(bytes()),
    duplex: 'half',
  });
  const file = await reply.json();
  if (reply.status !== 200) throw new Error(JSON.stringify(file));
  return file;
}

async function readOutput(url, fileId) {
  const reply = await fetch(`${url}/v1/files/${fileId}/content`);
  const seen = new Uint8Array(LINES + 1);
  let wrong = 0;
  let rest = '';
  const take = (line) => {
    const { custom_id: customId, response } = JSON.parse(line);
    const number = Number(customId.slice('request-'.length));
    seen[number] += 1;
    if (!response.body.choices[0].message.content.startsWith(`answer ${number} `)) wrong += 1;
  };
  for await (const chunk of reply.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) take(line);
  }
  if (rest !== '') take(rest);
  return { once: seen.subarray(1).filter((count) => count === 1).length, wrong };
}

const ROUNDS = {
  short: () => measure('short', 80, 0),
  large: () => {
    answerBytes = 1000;
    return measure('large', LARGE_LINE_BYTES - 150, 0);
  },
  killed: () => {
    answerBytes = 60;
    return measure('killed', 80, KILLS);
  },
};
let passed = true;
for (const [name, round] of Object.entries(ROUNDS)) {
  if (process.env.BATCH_ONLY !== undefined && process.env.BATCH_ONLY !== name) continue;
  passed = (await round()) && passed;
}
process.exitCode = passed ? 0 : 1;
