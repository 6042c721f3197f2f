import type { ForecastFace } from '../faces.js';
import { duration } from '../terminal/durations.js';
import { sheet } from '../terminal/sheet.js';
import { aboutUsd } from '../terminal/sums.js';

const STEPS = ['of it idle', 'GPU time', 'cold starts', 'GPUs'].map((drop) => ({ drop }));

/** A plan as a table with a row per order; the order that a run would take is marked. */
export function planLines(plan: ForecastFace, room = Infinity): string[] {
  const { orders, best, gpu_limit: gpuLimit } = plan;
  const rows = orders.map((each) => [
    `${each.order}${each.order === plan.order ? ' *' : ''}`,
    duration(each.makespan_s),
    each.cost_usd === null ? 'unknown' : aboutUsd(each.cost_usd),
    String(each.cold_starts),
    String(each.peak_gpus),
    duration(each.gpu_seconds.total),
    duration(each.gpu_seconds.idle),
  ]);
  return [
    `${plan.total_cells} cells, at most ${gpuLimit} GPUs`,
    '',
    ...sheet(['order', '-time', '-cost (USD)', '-cold starts', '-GPUs', '-GPU time', '-of it idle'], rows, {
      ...{ room, steps: STEPS },
    }),
    '',
    `* ${plan.order}: ${plan.reason}`,
    `best: ${best.same_as === null ? 'starts each endpoint once' : `as ${best.same_as}`}${quality(plan)}`,
    ...plan.unavailable.map(({ model, region }) => `no cells: ${model} is not deployed in ${region}`),
    ...orders.flatMap(({ order, infeasible_because: reasons }) =>
      reasons.map((reason) => `${order}: ${reason}`),
    ),
    ...plan.notes.map((note) => `note: ${note}`),
  ];
}

function quality({ best }: ForecastFace): string {
  if (best.optimal) return '; optimal';
  return `; at most ${(best.gap * 100).toFixed(1)} % above the optimum`;
}
