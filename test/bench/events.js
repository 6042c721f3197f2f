/**
 * How long a run's event takes from its commit (the row's own time) to a client that follows the run, in ms:
 * - as the runner writes them, in runs of 64 cells on 8 endpoints, by a client that hangs up and comes back with
 *   Last-Event-ID in the middle; and that every event comes once
 * - where the word of them is lost: rows that nobody announces
 */
import { randomUUID } from 'node:crypto';
import { TextDecoderStream } from 'node:stream/web';
import { setTimeout as delay } from 'node:timers/promises';
import { Database, appendRunEvents, lockRun, readRunEvents } from '../../dist/libs/persistence/index.js';
import { post, row, startStack, success, until } from './stack.js';

const ROUNDS = 6;
const UNANNOUNCED = 300;
const LIMIT_MS = 500;
const REGIONS = ['US', 'EU', 'ASIA'];
const MODELS = ['a', 'b', 'c'];
const PAIRS = REGIONS.flatMap((region) => MODELS.map((model) => ({ region, model }))).slice(1);

const stack = await startStack(
  (upstream) => ({
    limits: { endpoints: PAIRS.length, gpus: PAIRS.length },
    regions: Object.fromEntries(REGIONS.map((region) => [region, {}])),
    endpoints: PAIRS.map(({ region, model }) => ({
      ...{ id: `${region}-${model}`, region, models: [model], url: `${upstream}/${region}-${model}` },
    })),
  }),
  ({ endpoint, body }, respond) => {
    const [region] = endpoint.split('-');
    setTimeout(() => respond(200, success(region, body.model)), 40 + Math.random() * 120);
  },
  { runner: true },
);
const database = await Database.open(stack.postgresUrl, {
  ...{ applicationName: 'bench', poolSize: 2, onConnectionFault: () => undefined },
});

/** Follows a run to `stopAfter` stored events or to its end. @returns their ids, with ms from commit to here */
async function follow(runId, lastId, stopAfter = Infinity) {
  const abort = new AbortController();
  const seen = [];
  try {
    const answer = await fetch(`${stack.url}/runs/${runId}/events`, {
      headers: { 'last-event-id': lastId },
      signal: abort.signal,
    });
    const sinceMs = Date.now();
    let rest = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      const atMs = Date.now();
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const [, id, json] = /^id: (\d+)\nevent: .*\ndata: (.*)$/m.exec(block) ?? [];
        if (id === undefined) continue;
        const committedMs = Date.parse(JSON.parse(json).at);
        // What happened while nobody listened cannot have been heard any sooner than since then.
        seen.push({ id, ms: atMs - Math.max(committedMs, sinceMs) });
      }
      if (seen.length >= stopAfter) break;
    }
  } finally {
    abort.abort();
  }
  return seen;
}

const run = (changes) =>
  post(stack.url, '/runs', {
    questions: Array.from({ length: 8 }, (_, index) => ({ id: `q${index}`, text: 'why?' })),
    ...{ models: MODELS, regions: REGIONS },
    ...changes,
  });

let passed = true;
try {
  const announced = [];
  let wrong = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { run_id: runId } = (await run({})).body;
    const seen = [];
    for (let reconnect = 0; reconnect < 4; reconnect += 1)
      seen.push(...(await follow(runId, seen.at(-1)?.id ?? '0', 30)));
    seen.push(...(await follow(runId, seen.at(-1)?.id ?? '0')));
    const rows = await readRunEvents(database, runId, '0', 10_000);
    if (rows.map(({ seq }) => seq).join() !== seen.map(({ id }) => id).join()) wrong += 1;
    if (round > 0) announced.push(...seen.map(({ ms }) => ms));
  }
  passed = row('commit to client, ms', announced, LIMIT_MS) && passed;
  process.stdout.write(`runs with an event missing or sent twice: ${wrong} of ${ROUNDS}\n`);
  passed = passed && wrong === 0;

  const { run_id: runId } = (await run({ models: ['b'], regions: ['US'], gates: [{ after_question: 'q0' }] }))
    .body;
  await until(
    async () => (await (await fetch(`${stack.url}/runs/${runId}`)).json()).status === 'awaiting_approval',
    20_000,
    'the gate',
  );
  const known = await readRunEvents(database, runId, '0', 100);
  const followed = follow(runId, known.at(-1).seq, UNANNOUNCED);
  for (let count = 0; count < UNANNOUNCED; count += 1) {
    await delay(Math.random() * 100);
    await database.transaction(async (client) => {
      await lockRun(client, runId);
      await appendRunEvents(client, runId, [
        { type: 'unannounced', data: { n: count, nonce: randomUUID() } },
      ]);
    });
  }
  passed =
    row(
      'commit to client, without word of it, ms',
      (await followed).map(({ ms }) => ms),
      LIMIT_MS,
    ) && passed;
} finally {
  await database.close();
  await stack.stop();
}
process.exitCode = passed ? 0 : 1;
