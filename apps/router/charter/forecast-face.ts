import type { Configuration } from '#config';
import { charterForecastSchema, charterView, type CharterView, type RunForecastView } from '#contracts';
import type { Face } from '#domain';
import { cellsPerRegion } from './run-face.js';

/** @param pairs those that have cells */
export function charterForecast(
  view: RunForecastView,
  pairs: readonly { readonly region: string }[],
  { endpoints }: Pick<Configuration, 'endpoints'>,
  { money }: Face,
): CharterView<typeof charterForecastSchema> {
  const places = new Map(endpoints.map(({ id, region, models }) => [id, { region, models: [...models] }]));
  const placeOf = (endpointId: string) => places.get(endpointId) ?? { region: '', models: [] };
  return charterView(charterForecastSchema, {
    total_cells: view.total_cells,
    unavailable: view.unavailable,
    order: view.order,
    requested_order: view.requested_order,
    reason: view.reason,
    feasible: view.feasible,
    gpu_limit: view.gpu_limit,
    cells_per_region: cellsPerRegion(pairs, view.total_cells),
    orders: view.orders.map((order) => ({
      order: order.order,
      makespan_s: order.makespan_s,
      gpu_seconds: {
        cold_start: order.gpu_seconds.cold_start,
        busy: order.gpu_seconds.busy,
        idle: order.gpu_seconds.idle,
        total: order.gpu_seconds.total,
      },
      cost_usd: money ? order.cost_usd : null,
      cold_starts: order.cold_starts,
      peak_gpus: order.peak_gpus,
      exact: order.exact,
      feasible: order.feasible,
      // Names of GPUs whose price is missing are the operator's.
      infeasible_because: order.infeasible_because.map((reason) =>
        reason.startsWith('the cost is not known') ? 'the cost is not known' : reason,
      ),
      timeline: order.timeline.map(({ endpoint_id: endpointId, intervals }) => ({
        ...placeOf(endpointId),
        intervals: intervals.map(({ state, from_s, to_s, from_question, to_question }) => ({
          ...{ state, from_s, to_s, from_question, to_question },
        })),
      })),
      timeline_truncated: order.timeline_truncated,
    })),
    best: {
      same_as: view.best.same_as,
      optimal: view.best.optimal,
      lower_bound_s: view.best.lower_bound_s,
      gap: view.best.gap,
      sequences: view.best.sequences.map((sequence) => sequence.map(placeOf)),
    },
    times: view.times.map(({ model, region, warm_s, cold_start_s, warm_source, cold_source }) => ({
      ...{ model, region, warm_s, cold_start_s, warm_source, cold_source },
    })),
    notes: view.notes,
  });
}
