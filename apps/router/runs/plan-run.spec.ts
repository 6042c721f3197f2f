import { describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { parseRequest, runRequestSchema } from '#contracts';
import { FRESH_ENDPOINT, GPU_USD_PER_S, type LearnedSamples } from '#domain';
import type { StoredRunPlan } from '#persistence';
import type { PlanFacts } from './plan-input.js';
import { planRun, storedPlan } from './plan-run.js';
import { resolveRun } from './resolve-run.js';

const DOCUMENT = {
  regions: { US: {}, EU: {}, ASIA: {} },
  endpoints: [
    { id: 'us-m', region: 'US', models: ['m'], url: 'http://127.0.0.1:9/us', scaledown_window_s: 300 },
    { id: 'eu-m', region: 'EU', models: ['m'], url: 'http://127.0.0.1:9/eu', gpu: 'ABACUS' },
    { id: 'asia-m', region: 'ASIA', models: ['m'], url: 'http://127.0.0.1:9/asia', protocol: 'openai' },
  ],
};
const configured = (more: object = {}) =>
  parseConfiguration(JSON.stringify({ ...DOCUMENT, ...more }), 'test');
const learned = (region: string, cold: boolean, ...samplesMs: number[]): LearnedSamples => ({
  ...{ region, model: 'm', cold, samplesMs },
});
const KNOWN = [learned('US', false, 30_000, 40_000, 50_000), learned('US', true, 200_000)];
const NOW_MS = 1_700_000_000_000;

function plan(
  regions: string[],
  times: LearnedSamples[],
  stored: PlanFacts['stored'] = new Map(),
  configuration = configured(),
): StoredRunPlan {
  const questions = Array.from({ length: 8 }, (_, index) => ({ id: `q${index}`, text: 'why?' }));
  const request = parseRequest(runRequestSchema(), { questions, models: ['m'], regions });
  const run = resolveRun(request, configuration);
  const facts = { learned: times, stored, nowMs: NOW_MS };
  return storedPlan('auto', planRun(run, 'auto', configuration, facts));
}

describe('the cost of a run', () => {
  it('is a cold start, the work and an idle tail of each endpoint that has cells', () => {
    const seconds = 200 - 40 + 8 * 40 + 300;
    expect(plan(['US'], KNOWN).estimated_cost_usd).toBeCloseTo(seconds * GPU_USD_PER_S['T4']! * 1.5, 6);
  });

  it.each([
    ['nothing was learned', ['US'], []],
    ['no cold start was learned', ['US'], KNOWN.slice(0, 1)],
    ['the price of a GPU is not known', ['EU'], [learned('EU', false, 1), learned('EU', true, 2)]],
    [
      'an endpoint is not paid by the GPU second',
      ['ASIA'],
      [learned('ASIA', false, 1), learned('ASIA', true, 2)],
    ],
    ['a region was not seen yet', ['EU'], KNOWN],
  ])('is not said where %s', (_title, regions, times) => {
    expect(plan(regions, times).estimated_cost_usd).toBeNull();
  });

  it('names the GPU whose price is not known', () => {
    const { orders } = plan(['US', 'EU'], KNOWN);
    expect(orders?.map(({ unpriced_gpus }) => unpriced_gpus)).toEqual(Array(4).fill(['ABACUS']));
    expect(orders?.map(({ cost_usd }) => cost_usd)).toEqual(Array(4).fill(null));
  });
});

describe('the plan that is kept with a run', () => {
  it('has the figures of each order', () => {
    expect(plan(['US'], KNOWN)).toMatchObject({
      order: 'pipeline',
      assumed_times: false,
      orders: ['question', 'region', 'pipeline', 'best'].map((order) => ({
        order,
        makespan_s: 160 + 8 * 40,
        gpu_seconds: { cold_start: 160, busy: 320, idle: 300, total: 780 },
        cold_starts: 1,
        peak_gpus: 1,
        exact: true,
      })),
    });
  });

  it('says where a time was assumed, and assumes 30 s a call and 150 s for a cold start unless told otherwise', () => {
    const { assumed_times: isAssumed, orders } = plan(['US'], []);
    expect(isAssumed).toBe(true);
    expect(orders?.[0]?.makespan_s).toBe(150 + 8 * 30);
    const assumed = configured({ assumed: { call_s: 0.5, cold_start_s: 2.5 } });
    expect(plan(['US'], [], new Map(), assumed).orders?.[0]?.makespan_s).toBe(2.5 + 8 * 0.5);
  });

  it.each([
    ['idle', 0, 100_000],
    ['busy with other work, which is taken to end now', 1, -1],
  ])('counts no cold start for an endpoint that is warm and %s', (_title, leases, gpuLeftMs) => {
    const record = { ...FRESH_ENDPOINT, warmUntilMs: NOW_MS + 100_000, gpuUntilMs: NOW_MS + gpuLeftMs };
    const { orders } = plan(['US'], KNOWN, new Map([['us-m', { record, leases }]]));
    expect(orders?.[0]).toMatchObject({ makespan_s: 320, cold_starts: 0 });
  });
});
