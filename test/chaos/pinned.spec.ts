import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { signedReceiptSchema, type CellResultView } from '#contracts';
import { BeaconClient, until } from '#testing';
import { untilAnswered, untilFinished, type Evidence } from '../stack/experiment.js';
import { readCsv } from '../stack/read-csv.js';
import { onStack, type Stack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';
import { Chance, chaosSeeds } from './moments.js';

const LIMIT_MS = 600_000;
const REGIONS = ['US', 'EU', 'ASIA'];
const MODELS = ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'];
/** Questions to which the platform's double has another answer in each region: the text itself tells where it is from. */
const QUESTIONS = {
  tiananmen: 'What happened at Tiananmen Square on June 4, 1989?',
  taiwan: 'What is the current status of Taiwan?',
  hongkong: 'Describe the situation in Hong Kong in 2019.',
  identity: 'Who are you?',
  invention: 'What is the most important invention in history?',
  leader: 'Who was the greatest leader in history?',
};
const CELLS = ENDPOINTS.length * Object.keys(QUESTIONS).length;
/** Until then every fault is in force; what follows finds its way out of them. */
const LAST_FAULT = Math.floor(CELLS / 2);

/** A call that hangs is given up after 15 real seconds. */
const PLATFORM = { beacon: { limits: { gpus: ENDPOINTS.length }, execution_timeout_s: 300 } };

type Fault = Readonly<Record<string, unknown>>;

/** In force before the run begins, and alone until the run has met them: these it meets, whatever is drawn. */
const MET: readonly Fault[] = [
  { kind: 'wrong_region', region: 'US', attests: 'EU', count: 1 },
  { kind: 'status', region: 'EU', body: 'crashed', count: 1 },
  { kind: 'reset', region: 'ASIA', count: 1 },
];
const CODES_MET = ['REGION_MISMATCH', 'UPSTREAM_CRASHED', 'CONNECTION_LOST'];

/** Every kind of fault that the double knows, each somewhere. Durations are simulated: 20 s are one. */
function faults(chance: Chance): readonly Fault[] {
  const of = <T>(list: readonly T[]): T => list[chance.between(0, list.length - 1)] as T;
  const other = (region: string): string => of(REGIONS.filter((each) => each !== region));
  // Dealt, each three in a row to three regions: no region has more to bear than leaves it answers, whatever is drawn.
  const deck: string[] = [];
  const dealt = (): string => {
    if (deck.length === 0) deck.push(...chance.shuffled(REGIONS));
    return deck.pop() as string;
  };
  const names: Readonly<Record<string, string>> = { US: 'us-east', EU: 'eu-west', ASIA: 'asia-pacific' };
  return [
    // Another region's name, its alias, and a name that nobody knows.
    ...REGIONS.map((region) => ({ kind: 'wrong_region', region, attests: other(region), count: 3 })),
    ...REGIONS.map((region) => ({ kind: 'wrong_region', region, attests: names[other(region)], count: 2 })),
    { kind: 'wrong_region', region: dealt(), count: 2 },
    // Four 303s, one after the other, at an endpoint that was warm.
    { kind: 'delay', region: dealt(), delay_s: 100, count: 2 },
    { kind: 'hang', region: dealt(), count: 1 },
    { kind: 'reset', region: dealt(), count: 3 },
    { kind: 'reset', region: dealt(), at: 'answer', count: 2 },
    ...['rate_limited', 'queue_full', 'internal_error', 'crashed', 'lost_input', 'no_ready_container'].map(
      (body) => ({ kind: 'status', region: dealt(), body, count: 2 }),
    ),
    { kind: 'status', region: dealt(), body: 'application_error', at: 'answer', count: 2 },
    { kind: 'truncated', region: dealt(), count: 2 },
    { kind: 'model_error', region: dealt(), count: 1 },
    ...['reschedule', 'crashed'].map((mode) => ({ kind: 'crash', region: dealt(), mode, count: 1 })),
    { kind: 'preempt', region: dealt(), mode: 'lost_input', count: 1 },
    { kind: 'missing_body', region: dealt(), count: 1 },
    { kind: 'slow_start', region: dealt(), delay_s: 40, count: 1 },
    { kind: 'capacity_drought', region: dealt(), for_s: 60 },
    { kind: 'unavailable', region: dealt(), mode: 'silent', for_s: 100 },
  ];
}

async function submit(stack: Stack): Promise<string> {
  const { status, body } = await new BeaconClient(stack.url).request<{ run_id: string; total_cells: number }>(
    '/runs',
    {
      json: {
        questions: Object.entries(QUESTIONS).map(([id, text]) => ({ id, text })),
        ...{ models: MODELS, regions: REGIONS, region_policy: 'pin' },
      },
    },
  );
  if (status !== 202 || body.total_cells !== CELLS) throw new Error(`no run: ${JSON.stringify(body)}`);
  return body.run_id;
}

/** Whether attempts have ended with each code of the faults that the run is sure to meet. */
async function haveBeenTold(stack: Stack, runId: string): Promise<boolean> {
  const client = new BeaconClient(stack.url);
  const { body } = await client.request<{ results: CellResultView[] }>(`/runs/${runId}/results`);
  const codes = new Set<string | null>();
  for (const { job_id: id } of body.results) {
    if (id === null) continue;
    for (const { error_code: code } of (await client.job(id)).attempts) codes.add(code);
  }
  return CODES_MET.every((code) => codes.has(code));
}

/** The first run alone is struck: what it does with each fault is what counts. */
async function strike(
  stack: Stack,
  runId: string,
  chance: Chance,
  note: (what: string) => void,
): Promise<void> {
  const victim = `dispatcher-${REGIONS[chance.between(0, 2)] ?? ''}`;
  const strikes: { after: number; plusMs: number; what: () => Promise<void> }[] = faults(chance).map(
    (fault) => ({
      after: chance.between(0, LAST_FAULT),
      plusMs: chance.between(0, 500),
      what: async () => {
        note(JSON.stringify(fault));
        await stack.standIn.fault(fault);
      },
    }),
  );
  strikes.push({
    after: chance.between(4, LAST_FAULT),
    plusMs: chance.between(0, 500),
    what: async () => {
      // What a killed dispatcher was told is told to nobody: it dies once the first faults have been told of.
      await until('the first faults are told of', () => haveBeenTold(stack, runId));
      const pid = stack.kill(victim);
      note(`killed ${victim}`);
      await stack.restarted(victim, pid);
    },
  });
  await until('the first faults are met', async () =>
    (await stack.standIn.faults()).every(({ state }) => state === 'spent'),
  );
  await Promise.all(
    strikes.map(async ({ after, plusMs, what }) => {
      await untilAnswered(stack, after);
      // The drawn moment itself, not a wait for something.
      await delay(plusMs);
      await what();
    }),
  );
}

/** What each endpoint says to each question, asked of the double itself. */
async function answersOf(stack: Stack): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  await Promise.all(
    ENDPOINTS.map(async ({ id, region, model }) => {
      for (const [question, prompt] of Object.entries(QUESTIONS)) {
        const { response } = await until(`${id} says something`, async () => {
          // A redirect is followed as Modal's own clients follow it.
          const answer = await fetch(`${stack.standIn.url}/${id}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ model, prompt, temperature: 0.1, max_tokens: 512 }),
          });
          if (answer.status !== 200) throw new Error(`it answers ${answer.status}`);
          return (await answer.json()) as { response: string };
        });
        answers.set(`${question} / ${model} / ${region}`, response);
      }
    }),
  );
  return answers;
}

const nameOf = (cell: { question_id: string; model: string; region: string }): string =>
  `${cell.question_id} / ${cell.model} / ${cell.region}`;

/** By the double's own books: which endpoint made the call whose answer the cell has. */
function madeElsewhere({ cells, jobs, calls }: Evidence): string[] {
  return accepted(cells).flatMap((cell) => {
    const attempt = jobs
      .find(({ job_id: id }) => id === cell.job_id)
      ?.attempts.find(({ status }) => status === 'succeeded');
    // Whatever the books say of its end: an answer that broke on its way is read again from the same call.
    const made = calls.filter(
      ({ job_id: id, attempt: number }) => id === cell.job_id && number === attempt?.attempt,
    );
    const expected = ENDPOINTS.find(
      ({ region, model }) => region === cell.region && model === cell.model,
    )?.id;
    const endpoints = [...new Set(made.map(({ endpoint }) => endpoint))];
    return endpoints.length === 1 && endpoints[0] === expected
      ? []
      : [`${nameOf(cell)} was made by ${endpoints.join(' and ') || 'nobody'}`];
  });
}

const accepted = (cells: readonly CellResultView[]): CellResultView[] =>
  cells.filter(({ status }) => status === 'accepted');

describe('a run that is pinned, on a platform that does all the wrong it can, while a dispatcher is killed', () => {
  it.each(chaosSeeds())(
    'has its own region’s answer in every accepted cell: by text, books, status, results, CSV and receipt (seed %i)',
    (seed) =>
      onStack({ seed, platform: PLATFORM }, async (stack) => {
        const timeline: string[] = [];
        try {
          for (const fault of MET) await stack.standIn.fault(fault);
          const runId = await submit(stack);
          await strike(stack, runId, new Chance(seed, 'pinned'), (what) => timeline.push(what));
          const evidence = await untilFinished(stack, runId);
          await stack.standIn.clearFaults();
          await judge(stack, runId, evidence);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          const how = `CHAOS_SEED=${seed}; everything is kept in ${stack.folder}`;
          throw new Error([message, how, ...timeline, await stack.complaints()].join('\n'), { cause: error });
        }
      }),
    LIMIT_MS,
  );
});

async function judge(stack: Stack, runId: string, evidence: Evidence): Promise<void> {
  const { run, cells, jobs } = evidence;
  const own = accepted(cells);

  // The controls: there was something to accept in every region, and something to refuse.
  expect(cells).toHaveLength(CELLS);
  for (const region of REGIONS)
    expect(own.filter((cell) => cell.region === region).length).toBeGreaterThan(6);
  const codes = new Set(
    jobs.flatMap(({ attempts }) => attempts.flatMap(({ error_code: code }) => code ?? [])),
  );
  expect([...codes]).toEqual(expect.arrayContaining(CODES_MET));

  // No job ever left its region, whatever became of it.
  const regionOf = new Map(cells.map((cell) => [nameOf(cell), cell.region]));
  expect(jobs.filter(({ region, attempts }) => attempts.some((each) => each.region !== region))).toEqual([]);
  expect(madeElsewhere(evidence)).toEqual([]);

  const said = await answersOf(stack);
  const texts = (question: string, model: string): string[] =>
    REGIONS.flatMap((region) => said.get(`${question} / ${model} / ${region}`) ?? []);
  for (const question of Object.keys(QUESTIONS)) {
    for (const model of MODELS)
      expect(new Set(texts(question, model)).size).toBe(texts(question, model).length);
  }
  for (const cell of own) {
    expect([nameOf(cell), cell.response]).toEqual([nameOf(cell), said.get(nameOf(cell))]);
    expect(cell).toMatchObject({ answered_region: cell.region, substituted: false });
  }

  expect(run.progress).toMatchObject({ total: CELLS, accepted: own.length, substituted: 0 });
  for (const region of REGIONS) {
    const count = own.filter((cell) => cell.region === region).length;
    expect(run.progress.by_region[region]).toMatchObject({ accepted: count, substituted: 0 });
  }

  const rows = readCsv(await (await fetch(`${stack.url}/runs/${runId}/results?format=csv`)).text());
  expect(rows).toHaveLength(CELLS);
  for (const { question_id = '', model = '', region = '', status, response, ...row } of rows) {
    if (status !== 'accepted') continue;
    expect(row).toMatchObject({ answered_region: region, substituted: 'false' });
    expect(response).toBe(said.get(`${question_id} / ${model} / ${region}`));
  }

  const { receipt } = signedReceiptSchema.parse(
    await (await fetch(`${stack.url}/runs/${runId}/receipt`)).json(),
  );
  expect(receipt.substitutes).toEqual([]);
  expect(receipt.counts).toMatchObject({ cells: CELLS, answered: own.length, substituted: 0 });
  for (const cell of receipt.cells) {
    expect(regionOf.get(nameOf(cell))).toBe(cell.region);
    const attempts = cell.jobs.flatMap((job) => job.attempts);
    expect(attempts.filter(({ region }) => region !== cell.region)).toEqual([]);
    if (cell.status !== 'accepted') continue;
    const text = said.get(nameOf(cell)) ?? '';
    expect(cell).toMatchObject({
      ...{ answered_region: cell.region, substituted: false },
      answer_sha256: createHash('sha256').update(text, 'utf8').digest('hex'),
    });
  }
}
