import type { RunForecastView } from '#contracts';
import { table, widthOf, type Column } from '../demo/text-table.js';

/** A plan as a table with a row per order; the order that a run would take is marked. */
export function planLines(plan: RunForecastView): string[] {
  const { orders, best, gpu_limit: gpuLimit } = plan;
  const titles = ['order', 'time', 'cost (USD)', 'cold starts', 'GPUs', 'GPU time', 'of it idle'];
  const rows = orders.map((each) => [
    `${each.order}${each.order === plan.order ? ' *' : ''}`,
    duration(each.makespan_s),
    each.cost_usd === null ? 'unknown' : each.cost_usd.toFixed(2),
    String(each.cold_starts),
    String(each.peak_gpus),
    duration(each.gpu_seconds.total),
    duration(each.gpu_seconds.idle),
  ]);
  const columns = titles.map((title, index): Column => ({
    title,
    width: widthOf(
      title,
      rows.map((row) => row[index] ?? ''),
    ),
    align: index === 0 ? 'left' : 'right',
  }));
  return [
    `${plan.total_cells} cells, at most ${gpuLimit} GPUs`,
    '',
    ...table(columns, rows),
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

function quality({ best }: RunForecastView): string {
  if (best.optimal) return '; optimal';
  return `; at most ${(best.gap * 100).toFixed(1)} % above the optimum`;
}

/** Hours, minutes and seconds, as far as they say something. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, '0')} min`;
  return minutes > 0 ? `${minutes} min ${String(whole % 60).padStart(2, '0')} s` : `${whole} s`;
}
