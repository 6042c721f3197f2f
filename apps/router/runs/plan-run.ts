import type { Configuration } from '#config';
import { chooseOrder, estimateRemainingSeconds, type RequestedOrder } from '#domain';
import type { LearnedTimes, StoredRunPlan } from '#persistence';
import { estimateCostUsd } from './estimate-cost.js';
import type { ResolvedRun } from './resolve-run.js';

/** What is to be expected of a run before anything has run. */
export function planRun(
  run: ResolvedRun,
  requested: RequestedOrder,
  configuration: Configuration,
  learned: readonly LearnedTimes[],
): StoredRunPlan {
  const { pairs, repeats } = run.spec;
  const { order, reason } = chooseOrder(requested, run.gates.length);
  const cellsPerPair = run.questions.length * repeats;
  const cellsPerEndpoint = shareCells(run, cellsPerPair, configuration);
  return {
    order,
    requested_order: requested,
    reason,
    cells_per_endpoint: cellsPerEndpoint,
    estimated_cost_usd: estimateCostUsd(cellsPerEndpoint, configuration, learned),
    estimated_makespan_seconds: estimateRemainingSeconds(
      order,
      pairs.map((pair) => ({ ...pair, remaining: cellsPerPair, remainingOfQuestion: repeats })),
      repeats,
      learned.filter(({ cold }) => !cold),
    ),
  };
}

/** Where several endpoints serve a pair, its cells are taken to be shared evenly. */
function shareCells(
  { spec }: ResolvedRun,
  cellsPerPair: number,
  { endpoints }: Configuration,
): Record<string, number> {
  const cells: Record<string, number> = {};
  for (const { model, region } of spec.pairs) {
    const serving = endpoints.filter(({ models }) => models.includes(model));
    const inRegion = serving.filter((endpoint) => endpoint.region === region);
    const sharing = inRegion.length > 0 ? inRegion : serving;
    for (const [index, { id }] of sharing.entries()) {
      const share =
        Math.floor(cellsPerPair / sharing.length) + (index < cellsPerPair % sharing.length ? 1 : 0);
      cells[id] = (cells[id] ?? 0) + share;
    }
  }
  return cells;
}
