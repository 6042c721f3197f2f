import { lanesOf } from '../admission.js';
import type { EndpointView } from '../endpoint.js';
import { laneOf } from '../lane.js';
import type { Phase } from './phases.js';
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

/** Calls of one phase that are simulated one by one; beyond it, several cells make one. */
const CALLS_PER_PHASE_MAX = 1000;

/**
 * Sums a phase up. Where an endpoint alone may answer its pairs, what it does from its first call to its last
 * concerns nobody else: it holds its GPU throughout, because the next call follows within the scale-down window. Its
 * cells then make one call, and nothing is lost by it. Endpoints that share pairs are simulated call by call.
 */
export function workOf(
  phase: Phase,
  input: PlanInput,
  servers: readonly (readonly number[])[],
): { work: Work[]; isExact: boolean } {
  const pairsOfEndpoint = input.endpoints.map((_, endpoint) =>
    phase.pairs.filter((pair) => servers[pair]?.includes(endpoint) === true),
  );
  const isAlone = input.endpoints.map(({ spec }, endpoint) => {
    const pairs = pairsOfEndpoint[endpoint] ?? [];
    return (
      pairs.length > 0 &&
      spec.scaledownWindowMs > 0 &&
      (spec.concurrency === 1 || pairs.length === 1) &&
      pairs.every((pair) => servers[pair]?.length === 1)
    );
  });
  const warmMs = (endpoint: number, pair: number): number => {
    const region = input.endpoints[endpoint]?.spec.region ?? '';
    return input.timesOf(region, input.pairs[pair]?.model ?? '').warmMs;
  };
  const base = { takenCells: 0, inFlight: 0, submittedMs: 0 };
  const work: Work[] = [];
  for (const [endpoint, pairs] of pairsOfEndpoint.entries()) {
    const [first] = pairs;
    if (isAlone[endpoint] !== true || first === undefined) continue;
    const totalCells = pairs.length * phase.cellsPerPair;
    work.push({
      ...base,
      ...{ pair: first, servers: [endpoint], oneInFlight: true, totalCells, lotCells: totalCells },
      durationMs: (_endpoint, _lot, cold) =>
        batchMs(
          pairs.map((pair) => ({ cells: phase.cellsPerPair, warmMs: warmMs(endpoint, pair) })),
          phase.oneInFlight ? 1 : (input.endpoints[endpoint]?.spec.concurrency ?? 1),
          cold,
        ),
    });
  }
  const shared = phase.pairs.filter((pair) => servers[pair]?.some((endpoint) => isAlone[endpoint] !== true));
  const lotCells = Math.ceil((shared.length * phase.cellsPerPair) / CALLS_PER_PHASE_MAX);
  for (const pair of shared) {
    work.push({
      ...base,
      ...{ pair, servers: servers[pair] ?? [], oneInFlight: phase.oneInFlight },
      ...{ totalCells: phase.cellsPerPair, lotCells },
      durationMs: (endpoint, { cells }) => cells * warmMs(endpoint, pair),
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
