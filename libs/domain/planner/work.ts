import { lanesOf } from '../admission.js';
import type { EndpointView } from '../endpoint.js';
import { laneOf } from '../lane.js';
import type { PlanInput } from './plan-input.js';

/** Cells that go to an endpoint as one call of the simulation. */
export interface Lot {
  readonly cells: number;
  /** Number of its first cell within the pair and phase, from 0. */
  readonly fromCell: number;
}

/** Cells of a phase that the same endpoints may draw, in their order. */
export interface Work {
  /** Breaks ties as the numbers of cells do. */
  readonly pair: number;
  /** Endpoints that may draw from it. */
  readonly servers: readonly number[];
  readonly oneInFlight: boolean;
  readonly lotCells: number;
  /** Ms without a cold start. */
  readonly durationMs: (endpoint: number, lot: Lot, cold: boolean) => number;
  totalCells: number;
  takenCells: number;
  inFlight: number;
  submittedMs: number;
}

/** Which pairs each endpoint draws from: admission's own lanes. */
export function serversOfPairs(input: PlanInput, views: readonly EndpointView[]): number[][] {
  return input.pairs.map(({ region, model }) => {
    const isServed = views.some(({ spec }) => spec.region === region && spec.models.includes(model));
    const lane = laneOf(input.regionPolicy, region, isServed);
    return views.flatMap((view, endpoint) =>
      view.spec.models.includes(model) && lanesOf(view, model, views).includes(lane) ? [endpoint] : [],
    );
  });
}

/** Cells that are submitted together. */
export interface CellsToDo {
  /** How many, by position in `PlanInput.pairs`. */
  readonly cells: readonly number[];
  /** Whether a pair's next cell is submitted only when its last one is done. */
  readonly oneInFlight: boolean;
}

/** Calls that have begun. */
export interface BegunCalls {
  /** @returns ms that the endpoint's next call has behind it, each told once */
  readonly takeMs: (endpoint: number, pair: number, cold: boolean) => number;
}

const NONE_BEGUN: BegunCalls = { takeMs: () => 0 };

/**
 * Sums cells up. Where an endpoint alone may answer its pairs, what it does from its first call to its last
 * concerns nobody else: it holds its GPU throughout, because the next call follows within the scale-down window. Its
 * cells then make one call, and nothing is lost by it. Endpoints that share pairs are simulated call by call.
 * @param callsMax calls that are simulated one by one; beyond it, several cells make one
 */
export function workOf(
  { cells, oneInFlight }: CellsToDo,
  input: PlanInput,
  servers: readonly (readonly number[])[],
  callsMax: number,
  begun = NONE_BEGUN,
): { work: Work[]; isExact: boolean } {
  const asked = input.pairs.flatMap((_, pair) => ((cells[pair] ?? 0) > 0 ? [pair] : []));
  const cellsOf = (pairs: readonly number[]): number =>
    pairs.reduce((sum, pair) => sum + (cells[pair] ?? 0), 0);
  const warmMs = (endpoint: number, pair: number): number => {
    const region = input.endpoints[endpoint]?.spec.region ?? '';
    return input.timesOf(region, input.pairs[pair]?.model ?? '').warmMs;
  };
  const base = { takenCells: 0, inFlight: 0, submittedMs: 0 };
  const work: Work[] = [];
  const alone = new Set<number>();
  for (const [endpoint, { spec }] of input.endpoints.entries()) {
    const pairs = asked.filter((pair) => servers[pair]?.includes(endpoint) === true);
    const [first] = pairs;
    const isAlone =
      spec.scaledownWindowMs > 0 &&
      (spec.concurrency === 1 || pairs.length === 1) &&
      pairs.every((pair) => servers[pair]?.length === 1);
    if (first === undefined || !isAlone) continue;
    alone.add(endpoint);
    const totalCells = cellsOf(pairs);
    const batch = pairs.map((pair) => ({ cells: cells[pair] ?? 0, warmMs: warmMs(endpoint, pair) }));
    const concurrency = oneInFlight ? 1 : spec.concurrency;
    work.push({
      ...base,
      ...{ pair: first, servers: [endpoint], oneInFlight: true, totalCells, lotCells: totalCells },
      durationMs: (_endpoint, _lot, cold) =>
        batchMs(batch, concurrency, cold) - begun.takeMs(endpoint, first, cold),
    });
  }
  const shared = asked.filter((pair) => servers[pair]?.some((endpoint) => !alone.has(endpoint)));
  const lotCells = Math.ceil(cellsOf(shared) / callsMax);
  for (const pair of shared) {
    work.push({
      ...base,
      ...{ pair, servers: servers[pair] ?? [], oneInFlight, totalCells: cells[pair] ?? 0, lotCells },
      durationMs: (endpoint, lot, cold) =>
        lot.cells * warmMs(endpoint, pair) - begun.takeMs(endpoint, pair, cold),
    });
  }
  return { work: work.sort((left, right) => left.pair - right.pair), isExact: lotCells <= 1 };
}

/**
 * How long an endpoint works on cells that are its own, pair by pair.
 * @param cold one pilot goes alone
 */
export function batchMs(
  pairs: readonly { readonly cells: number; readonly warmMs: number }[],
  concurrency: number,
  cold: boolean,
): number {
  let sumMs = 0;
  let pilot = cold ? 1 : 0;
  for (const { cells, warmMs } of pairs) {
    if (cells === 0) continue;
    sumMs += (pilot + Math.ceil((cells - pilot) / concurrency)) * warmMs;
    pilot = 0;
  }
  return sumMs;
}
