import { describe, expect, it } from '@jest/globals';
import type { RunForecastView, RunView } from '#contracts';
import { BeaconClient, until } from '#testing';
import { submitExperiment, untilFinished } from '../stack/experiment.js';
import { onStack, type Stack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';

/** Simulated seconds per real second: what the machine adds to each call counts this often. */
const TIME_SCALE = Number(process.env['PLAN_TIME_SCALE'] ?? 20);
const COLD_S = 180;
const WARM_S = 40;
const LIMIT_MS = 900_000;
const QUESTIONS = 8;

/** The seed case: every endpoint takes 180 s to start and 40 s to answer. */
const PLATFORM = {
  time_scale: TIME_SCALE,
  http_timeout_s: 150,
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{ id, region, attested_region: region, models: [model], gpu: 'T4' },
    ...{ boot_s: 15, load_s: COLD_S - 15, execution_s: WARM_S, scaledown_window_s: 300 },
  })),
};

async function learn(stack: Stack): Promise<void> {
  const client = new BeaconClient(stack.url);
  const body = {
    questions: ['math_basic', 'geography_basic'],
    models: ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'],
    ...{ regions: ['US', 'EU', 'ASIA'], region_policy: 'pin', order: 'best' },
  };
  const { body: run } = await client.request<{ run_id: string }>('/runs', { json: body });
  await until(
    'the times are known',
    async () =>
      (await client.request<RunView>(`/runs/${run.run_id}`)).body.status === 'completed' || undefined,
    LIMIT_MS,
  );
}

async function measure(stack: Stack, gpus: number, order: string): Promise<void> {
  const client = new BeaconClient(stack.url);
  await until(
    'every container is gone',
    async () => (await stack.standIn.account()).totals.gpus_now === 0 || undefined,
    LIMIT_MS,
  );
  const runId = await submitExperiment(stack, order);
  const { run, account } = await untilFinished(stack, runId);
  const plan = run.plan.orders?.find((each) => each.order === run.order);
  const planned = plan?.makespan_s ?? Number.NaN;
  const tookS = (Date.parse(run.finished_at ?? '') - Date.parse(run.created_at)) / 1000;
  const criticalS = (COLD_S + QUESTIONS * WARM_S) / TIME_SCALE;
  const { gpus_peak: peak, cold_starts: coldStarts } = account.totals as Record<string, unknown>;
  const verdict = Math.abs(tookS / planned - 1) <= 0.05 ? 'within 5 %' : 'NOT within 5 %';
  const figures = [
    `${gpus} GPUs, ${order} (${run.order})`.padEnd(26),
    `planned ${planned.toFixed(2)} s, took ${tookS.toFixed(2)} s: ${((tookS / planned - 1) * 100).toFixed(1)} %, ${verdict}`,
    `${(tookS / criticalS).toFixed(3)} x the critical path`,
    `cold starts ${String(coldStarts)} (planned ${plan?.cold_starts})`,
    `peak ${String(peak)} GPUs`,
  ];
  process.stdout.write(`${figures.join('; ')}\n`);
  // Times depend on the machine; what is started, and how often, does not.
  expect(Number(peak)).toBeLessThanOrEqual(gpus);
  expect(coldStarts).toBe(plan?.cold_starts);
  const { body } = await client.request<RunForecastView>('/runs/plan', {
    json: { questions: ['math_basic'], models: ['llama3.2-1b'], regions: ['US'] },
  });
  process.stdout.write(`  learned: ${JSON.stringify(body.times)}\n`);
}

/** The plan against the real system, in compressed time: `npm run bench`. */
describe(`64 cells, 180 s cold, 40 s warm, time compressed ${TIME_SCALE} times`, () => {
  it.each([
    [8, ['auto']],
    [3, (process.env['PLAN_ORDERS'] ?? 'best').split(',')],
  ])(
    'on %i GPUs',
    (gpus, orders) =>
      onStack({ seed: 1, gpuLimit: gpus, platform: PLATFORM }, async (stack) => {
        await learn(stack);
        for (const order of orders) await measure(stack, gpus, order);
      }),
    LIMIT_MS,
  );
});
