import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import {
  ProblemError,
  parseRequest,
  runForecastSchema,
  runRequestSchema,
  type RunForecastView,
} from '#contracts';
import { addExecutionTimes } from '#persistence';
import { startTestDatabase, type TestDatabase } from '#testing';
import { resolveRun } from './resolve-run.js';
import { RunPlanner } from './run-planner.js';

const PAIRS = [
  ...['llama', 'qwen'].map((model) => ({ region: 'US', model })),
  ...['llama', 'qwen', 'mistral'].map((model) => ({ region: 'EU', model })),
  ...['llama', 'qwen', 'mistral'].map((model) => ({ region: 'ASIA', model })),
];

const configurationOf = (gpus: number) =>
  parseConfiguration(
    JSON.stringify({
      limits: { gpus },
      regions: { US: { aliases: ['us-east'] }, EU: null, ASIA: null },
      endpoints: PAIRS.map(({ region, model }) => ({
        id: `${region}-${model}`,
        region,
        models: [model],
        url: 'http://localhost:1/',
      })),
    }),
    'test',
  );

const questionsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `q${index + 1}`, text: 'why?' }));
const body = (changes: Record<string, unknown> = {}) => ({
  questions: questionsOf(8),
  models: ['llama', 'qwen', 'mistral'],
  regions: ['US', 'EU', 'ASIA'],
  ...changes,
});

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
  await addExecutionTimes(
    postgres.database,
    PAIRS.flatMap((pair) => [
      { ...pair, cold: false, executionMs: 40_000 },
      { ...pair, cold: true, executionMs: 220_000 },
    ]),
  );
});
afterAll(() => postgres.close());

const forecast = (gpus: number, changes: Record<string, unknown> = {}): Promise<RunForecastView> =>
  new RunPlanner(postgres.database, configurationOf(gpus)).forecast(body(changes));
const orderOf = (plan: RunForecastView, order: string) => plan.orders.find((each) => each.order === order)!;

describe('POST /runs/plan', () => {
  it('says what 64 cells take in each order, and stores nothing', async () => {
    const plan = await forecast(8);
    expect(runForecastSchema.parse(plan)).toEqual(plan);
    expect(plan).toMatchObject({
      total_cells: 64,
      unavailable: [{ model: 'mistral', region: 'US' }],
      order: 'pipeline',
      feasible: true,
      best: { same_as: 'pipeline', optimal: true, gap: 0 },
      notes: [],
    });
    expect(orderOf(plan, 'pipeline')).toMatchObject({
      ...{ makespan_s: 500, cold_starts: 8, peak_gpus: 8 },
      gpu_seconds: { cold_start: 8 * 180, busy: 64 * 40, idle: 8 * 300, total: 6400 },
    });
    expect(orderOf(plan, 'region').makespan_s).toBe(1500);
    const { rows } = await postgres.database.query('SELECT id FROM runs');
    expect(rows).toEqual([]);
  });

  it('shows for 3 GPUs that question by question takes three times as long as each endpoint in turn', async () => {
    const plan = await forecast(3);
    const best = orderOf(plan, 'best');
    const question = orderOf(plan, 'question');
    expect(question.makespan_s).toBeGreaterThanOrEqual(3 * best.makespan_s);
    expect(question.cold_starts).toBeGreaterThanOrEqual(3 * best.cold_starts);
    expect(plan.orders.map(({ peak_gpus }) => peak_gpus)).toEqual([3, 3, 3, 3]);
    expect(plan.order).toBe('pipeline');
  });

  it('draws a timeline in which endpoints warm up, answer named questions and idle', async () => {
    const { timeline, timeline_truncated: isTruncated } = orderOf(
      await forecast(8, { regions: ['us-east'], models: ['llama'] }),
      'pipeline',
    );
    expect(isTruncated).toBe(false);
    expect(timeline).toEqual([
      {
        endpoint_id: 'US-llama',
        intervals: [
          { state: 'warming', from_s: 0, to_s: 180, from_question: null, to_question: null },
          { state: 'busy', from_s: 180, to_s: 500, from_question: 'q1', to_question: 'q8' },
          { state: 'idle', from_s: 500, to_s: 800, from_question: null, to_question: null },
        ],
      },
    ]);
  });

  it('draws every question of a short run, also those that repeat what was simulated', async () => {
    const { timeline, timeline_truncated: isTruncated } = orderOf(await forecast(8), 'question');
    expect(isTruncated).toBe(false);
    expect(timeline).toHaveLength(8);
    for (const { intervals } of timeline) {
      const answered = intervals.filter(({ state }) => state === 'busy');
      expect(answered.map(({ from_question: id }) => id)).toEqual(body().questions.map(({ id }) => id));
      for (const [index, { from_s: fromS }] of intervals.entries())
        expect(fromS).toBe(intervals[index - 1]?.to_s ?? 0);
    }
  });

  it('keeps with a run when its plan is done, where its timeline is too long to be kept whole', async () => {
    const stored = async (questions: number, gpus: number) => {
      const configuration = configurationOf(gpus);
      const request = parseRequest(runRequestSchema(), body({ questions: questionsOf(questions) }));
      const planner = new RunPlanner(postgres.database, configuration);
      return planner.planToStore(resolveRun(request, configuration), 'question');
    };
    const whole = await stored(500, 8);
    expect(whole.timeline.map(({ goes_on_until_s: untilS }) => untilS)).toEqual(PAIRS.map(() => undefined));
    const spans = whole.timeline[0]!.intervals.map(({ state, from_s: fromS, to_s: toS }) => [
      state,
      fromS,
      toS,
    ]);
    expect(spans).toEqual([
      ['warming', 0, 180],
      ['busy', 180, 180 + 500 * 40],
      ['idle', 20_180, 20_480],
    ]);
    const { timeline, plan } = await stored(100, 1);
    const makespanS = plan.orders!.find(({ order }) => order === 'question')!.makespan_s;
    expect(timeline.map(({ goes_on_until_s: untilS }) => untilS)).toEqual(PAIRS.map(() => makespanS));
  });

  it('says which orders keep a deadline and a budget, and why the others do not', async () => {
    const plan = await forecast(8, { deadline_s: 600, budget_usd: 1000 });
    expect(plan.feasible).toBe(true);
    expect(plan.orders.map(({ order, feasible }) => [order, feasible])).toEqual([
      ['question', true],
      ['region', false],
      ['pipeline', true],
      ['best', true],
    ]);
    expect(orderOf(plan, 'region').infeasible_because).toEqual(['takes 1500 s, the deadline is 600 s']);
    const poor = await forecast(8, { budget_usd: 0.01 });
    expect(poor.feasible).toBe(false);
    expect(orderOf(poor, 'pipeline').infeasible_because[0]).toMatch(/^costs .* the budget is 0.01 USD$/);
  });

  it('judges the budget that the run would have, in money and in GPU seconds', async () => {
    // Cold starts, calls and idle tails of the 64 cells: 6400 s, whatever the order.
    const kept = await forecast(8, { budget: { usd: 1000, gpu_seconds: 6400 } });
    expect(kept.feasible).toBe(true);
    const passed = await forecast(8, { budget: { gpu_seconds: 6399 } });
    expect(passed.feasible).toBe(false);
    expect(orderOf(passed, 'pipeline').infeasible_because).toEqual([
      'holds GPUs for 6400 s, the budget is 6399 s',
    ]);
    const poor = await forecast(8, { budget: { usd: 0.01 } });
    expect(poor.orders).toEqual((await forecast(8, { budget_usd: 0.01 })).orders);
  });

  it('takes one budget only: budget_usd is short for budget.usd', async () => {
    const both = { budget: { gpu_seconds: 60 }, budget_usd: 1 };
    const refused = await forecast(8, both).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [{ field: 'budget_usd', message: 'is short for budget.usd and cannot be given beside budget' }],
    });
  });

  it.each([
    ['VALIDATION_FAILED', { deadline_s: 0 }],
    ['VALIDATION_FAILED', { surprise: 1 }],
    ['UNKNOWN_MODEL', { models: ['gpt'] }],
    ['MODEL_NOT_IN_REGION', { models: ['mistral'], regions: ['US'] }],
  ])('is refused with %s as the run would be: %j', async (code, changes) => {
    const refused = await forecast(8, changes).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProblemError);
    expect((refused as ProblemError).code).toBe(code);
  });

  it.each(['question', 'pipeline'])(
    'plans 100,000 cells in bounded size on 3 GPUs, order %s',
    async (order) => {
      const questions = Array.from({ length: 5000 }, (_, index) => ({ id: `q${index}`, text: 'why?' }));
      const plan = await forecast(3, { questions, models: ['llama', 'mistral'], repeats: 4, order });
      expect(plan.total_cells).toBe(100_000);
      // Nobody keeps a GPU for longer than a turn while others want it: that is not simulated, and said.
      const isExact = (name: string): boolean => orderOf(plan, name).exact;
      expect(['question', 'region', 'pipeline', 'best'].map(isExact)).toEqual([true, false, false, false]);
      expect(plan.notes.join()).toContain('longer than a turn');
      expect(orderOf(plan, order).gpu_seconds.busy).toBe(100_000 * 40);
      expect(JSON.stringify(plan).length).toBeLessThan(300_000);
    },
  );
});
