import { NODES_MAX, assignBatches, lowerBoundMs } from './assign-batches.js';
import { ContainerAccount } from './container-account.js';
import { orderPlanOf, type OrderPlan } from './order-plan.js';
import { partsBetweenGates, type Phase } from './phases.js';
import type { PlanInput } from './plan-input.js';
import { gpusOf, leastMs } from './least-time.js';
import { coldStartMs, coldStartsIn, viewsOf } from './virtual-platform.js';
import { batchMs, serversOfPairs } from './work.js';

/** What the planner's own order rests on: the best way to start each endpoint once. */
export interface StartOncePlan {
  readonly plan: OrderPlan;
  /** By GPU: endpoints in the sequence in which they have it. */
  readonly sequences: readonly (readonly string[])[];
  /** By endpoint: when it begins; infinite where it has nothing to do. */
  readonly startsMs: readonly number[];
  /** No order that starts each endpoint once is done earlier. */
  readonly lowerBoundMs: number;
  readonly isOptimal: boolean;
}

/** Cells of each pair, by endpoint. */
type Split = readonly ReadonlyMap<number, number>[];

/** What a share of whole cells may be off by. */
const ROUNDING = 1e-6;

interface Standing {
  /** Until when its container would answer without a cold start, and its GPU is not free. */
  readonly warmUntilMs: number;
  readonly gpuUntilMs: number;
}

/**
 * Groups the work by endpoint: each is started once, answers all its cells (of the part up to the next gate), and then
 * its GPU is handed on, as soon as the idle container has been released or scaled down. Endpoints that hold a GPU when
 * a part begins start at once and keep it.
 *
 * Where several endpoints may answer a pair, its cells are shared evenly among them, or given to the least loaded
 * alone, whichever is done earlier.
 */
export function planStartOnce(input: PlanInput): StartOncePlan {
  const servers = serversOfPairs(input, viewsOf(input));
  const even = planSplit(input, splitEvenly(input, servers));
  if (servers.every(({ length }) => length === 1)) return even;
  const whole = planSplit(input, splitWhole(input, servers));
  const isWholeBetter =
    whole.plan.makespanMs - even.plan.makespanMs || whole.plan.coldStarts - even.plan.coldStarts;
  const better = isWholeBetter < 0 ? whole : even;
  // Another way to share the cells may be better still.
  return {
    ...better,
    lowerBoundMs: Math.min(better.plan.makespanMs, leastMs(input, servers)),
    isOptimal: false,
  };
}

function planSplit(input: PlanInput, split: Split): StartOncePlan {
  const { endpoints, gpuLimit, questions, repeats } = input;
  const { lingerMs } = input.handover;
  const holdsMs = endpoints.map(({ spec, releaseMs }) =>
    Math.min(spec.scaledownWindowMs, releaseMs === null ? Infinity : lingerMs + releaseMs),
  );
  const firstStartsMs = endpoints.map(() => Number.POSITIVE_INFINITY);
  const account = new ContainerAccount(holdsMs);
  const standings: Standing[] = endpoints.map(({ record }) => record);
  const occupied: { endpoint: number; fromMs: number; toMs: number }[] = [];
  const parts = partsBetweenGates(input);
  const sequences: string[][] = [];
  let nowMs = 0;
  let boundMs = 0;
  let isOptimal = parts.length === 1;

  const cellsOf = (part: Omit<Phase, 'pairs'>, endpoint: number): number[] => {
    const share = part.cellsPerPair / (questions * repeats);
    return split.map((cells) => Math.ceil((cells.get(endpoint) ?? 0) * share - ROUNDING));
  };
  const batchOf = (part: Omit<Phase, 'pairs'>, endpoint: number, cold: boolean): number => {
    const region = endpoints[endpoint]?.spec.region ?? '';
    const pairs = cellsOf(part, endpoint).map((cells, pair) => {
      const { warmMs } = input.timesOf(region, input.pairs[pair]?.model ?? '');
      return { cells, warmMs };
    });
    return batchMs(pairs, endpoints[endpoint]?.spec.concurrency ?? 1, cold);
  };
  const coldStartsOf = (part: Omit<Phase, 'pairs'>, endpoint: number): { count: number; ms: number } => {
    const cells = cellsOf(part, endpoint).reduce((sum, count) => sum + count, 0);
    const spec = endpoints[endpoint]?.spec;
    const count = spec === undefined ? 1 : coldStartsIn(spec, cells);
    return { count, ms: count * coldStartMs(input, endpoint) };
  };
  const run = (part: Omit<Phase, 'pairs'>, endpoint: number, fromMs: number): number => {
    const cold = (standings[endpoint]?.warmUntilMs ?? 0) <= fromMs;
    const coldStarts = cold ? coldStartsOf(part, endpoint) : null;
    const endMs = fromMs + (coldStarts?.ms ?? 0) + batchOf(part, endpoint, cold);
    firstStartsMs[endpoint] = Math.min(firstStartsMs[endpoint] ?? Infinity, fromMs);
    account.begin(endpoint, fromMs, coldStarts, part.fromQuestion, part.toQuestion);
    account.end(endpoint, endMs);
    const freeMs = endMs + (holdsMs[endpoint] ?? 0);
    standings[endpoint] = { warmUntilMs: freeMs, gpuUntilMs: freeMs };
    const last = occupied.findLast((held) => held.endpoint === endpoint);
    if (last !== undefined) last.toMs = Math.min(last.toMs, fromMs);
    occupied.push({ endpoint, fromMs, toMs: freeMs });
    return endMs;
  };

  for (const part of parts) {
    const startMs = nowMs;
    const working = endpoints.flatMap((_, endpoint) => (batchOf(part, endpoint, true) > 0 ? [endpoint] : []));
    const holds = (endpoint: number): boolean => (standings[endpoint]?.gpuUntilMs ?? 0) > startMs;
    const starting = working.filter(holds);
    const waiting = working.filter((endpoint) => !holds(endpoint));
    const idle = endpoints.flatMap(({ record, releaseMs }, endpoint) => {
      if (!holds(endpoint) || starting.includes(endpoint)) return [];
      const askedMs = Math.max(startMs, record.idleSinceMs + lingerMs);
      return [
        Math.min(standings[endpoint]?.gpuUntilMs ?? 0, releaseMs === null ? Infinity : askedMs + releaseMs),
      ];
    });
    for (const endpoint of starting) nowMs = Math.max(nowMs, run(part, endpoint, startMs));
    const heldUntilMs = [...starting.map((endpoint) => standings[endpoint]?.gpuUntilMs ?? 0), ...idle];
    const unheld = Math.max(0, gpuLimit - heldUntilMs.length);
    // Where more are held than the limit allows, those that are released first are gone for good.
    const gpusFreeAtMs = [...heldUntilMs, ...Array.from({ length: unheld }, () => startMs)]
      .sort((left, right) => right - left)
      .slice(0, gpuLimit);
    const batches = waiting.map((endpoint) => ({
      runMs: coldStartsOf(part, endpoint).ms + batchOf(part, endpoint, true),
      holdMs: holdsMs[endpoint] ?? 0,
    }));
    const assignment = assignBatches(batches, gpusFreeAtMs, NODES_MAX / parts.length);
    const startsMs = [...gpusFreeAtMs].sort((left, right) => left - right);
    for (const [gpu, sequence] of assignment.sequences.entries()) {
      let fromMs = startsMs[gpu] ?? startMs;
      for (const position of sequence) {
        const endpoint = waiting[position] ?? -1;
        nowMs = Math.max(nowMs, run(part, endpoint, fromMs));
        fromMs = standings[endpoint]?.gpuUntilMs ?? fromMs;
      }
      if (sequence.length > 0) sequences.push(sequence.map((position) => idOf(input, waiting[position])));
    }
    for (const endpoint of starting) sequences.push([idOf(input, endpoint)]);
    const workMs = working.map((endpoint) => batchOf(part, endpoint, false));
    const startedMs = starting.map(
      (endpoint) => (standings[endpoint]?.gpuUntilMs ?? 0) - (holdsMs[endpoint] ?? 0),
    );
    boundMs +=
      startMs === 0
        ? Math.max(lowerBoundMs(batches, gpusFreeAtMs), ...startedMs)
        : Math.max(0, ...workMs, workMs.reduce((sum, ms) => sum + ms, 0) / gpusOf(input));
    isOptimal &&= assignment.isOptimal || nowMs <= boundMs;
  }
  account.closeAll();
  const plan = orderPlanOf('best', input, account, {
    makespanMs: nowMs,
    peakGpus: peakOf(occupied),
    isExact: true,
  });
  return {
    plan,
    sequences,
    startsMs: firstStartsMs,
    lowerBoundMs: isOptimal ? nowMs : Math.min(nowMs, boundMs),
    isOptimal,
  };
}

function splitEvenly(
  { pairs, questions, repeats }: PlanInput,
  servers: readonly (readonly number[])[],
): Split {
  const cells = questions * repeats;
  return pairs.map((_, pair) => {
    const sharing = servers[pair] ?? [];
    const rest = cells % sharing.length;
    return new Map(
      sharing.map((endpoint, index) => [
        endpoint,
        Math.floor(cells / sharing.length) + (index < rest ? 1 : 0),
      ]),
    );
  });
}

/** Warm endpoints first, as long as they have nothing else to do. */
function splitWhole(input: PlanInput, servers: readonly (readonly number[])[]): Split {
  const cells = input.questions * input.repeats;
  const loadMs = input.endpoints.map(({ record }, endpoint) =>
    record.warmUntilMs > 0 ? 0 : coldStartMs(input, endpoint),
  );
  return input.pairs.map(({ model }, pair) => {
    const after = (endpoint: number): number => {
      const spec = input.endpoints[endpoint]?.spec;
      const { warmMs } = input.timesOf(spec?.region ?? '', model);
      return (loadMs[endpoint] ?? 0) + (cells * warmMs) / (spec?.concurrency ?? 1);
    };
    const [chosen] = [...(servers[pair] ?? [])].sort((left, right) => after(left) - after(right));
    if (chosen === undefined) return new Map();
    loadMs[chosen] = after(chosen);
    return new Map([[chosen, cells]]);
  });
}

function peakOf(occupied: readonly { readonly fromMs: number; readonly toMs: number }[]): number {
  const changes = occupied.flatMap(({ fromMs, toMs }) => [
    { atMs: fromMs, by: 1 },
    { atMs: toMs, by: -1 },
  ]);
  changes.sort((left, right) => left.atMs - right.atMs || left.by - right.by);
  let held = 0;
  return changes.reduce((peak, { by }) => Math.max(peak, (held += by)), 0);
}

function idOf({ endpoints }: PlanInput, endpoint: number | undefined): string {
  return endpoints[endpoint ?? -1]?.spec.id ?? '';
}
