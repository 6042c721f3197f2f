import { RUN_ORDERS, type RunOrder } from '../runs/run.js';
import { planStartOnce } from './best-order.js';
import { leastMs } from './least-time.js';
import type { OrderPlan } from './order-plan.js';
import type { PlanInput, PlannedPair } from './plan-input.js';
import { simulateOrder } from './simulate-order.js';
import { viewsOf } from './virtual-platform.js';
import { serversOfPairs } from './work.js';

/** The planner's own order, which is also among `orders`. */
export interface BestOrder {
  /** The pairs in the sequence in which the run submits them: endpoints are started in it. */
  readonly pairs: readonly PlannedPair[];
  /** By GPU: endpoints in the sequence in which they have it; empty where starting each once is not the best. */
  readonly sequences: readonly (readonly string[])[];
  /** No order that starts each endpoint once is done earlier. */
  readonly lowerBoundMs: number;
  readonly isOptimal: boolean;
  /** The order that is as fast or faster, and is taken instead; null where none is. */
  readonly sameAs: Exclude<RunOrder, 'best'> | null;
}

export interface RunForecast {
  readonly orders: Readonly<Record<RunOrder, OrderPlan>>;
  readonly best: BestOrder;
}

/** What is to be expected of a run in each order. Deterministic; costs some milliseconds whatever the run's size. */
export function forecastRun(input: PlanInput): RunForecast {
  const once = planStartOnce(input);
  const servers = serversOfPairs(input, viewsOf(input));
  const pairs = inStartSequence(input, servers, once.startsMs);
  const simulated = {
    question: simulateOrder('question', input),
    region: simulateOrder('region', input),
    pipeline: simulateOrder('pipeline', input),
  };
  const own = simulateOrder('best', { ...input, pairs });
  // Starting an endpoint twice may be faster where cold starts are short; a plan that is beaten is not the best.
  const rivals = RUN_ORDERS.flatMap((order) =>
    order === 'best' ? [] : [{ order, plan: simulated[order] }],
  ).sort((one, other) => compare(one.plan, other.plan) || preference(other.order) - preference(one.order));
  const rival = rivals.find(({ plan }) => compare(plan, own) <= 0);
  const plan = rival?.plan ?? own;
  const startsOnce = plan.makespanMs <= once.plan.makespanMs && plan.makespanMs >= once.lowerBoundMs;
  return {
    orders: { ...simulated, best: { ...plan, order: 'best' } },
    best: {
      pairs,
      sequences: startsOnce ? once.sequences : [],
      lowerBoundMs: startsOnce ? once.lowerBoundMs : leastMs(input, servers),
      isOptimal: once.isOptimal && plan.makespanMs === once.plan.makespanMs,
      sameAs: rival?.order ?? null,
    },
  };
}

/** Pairs by the time at which the first of their endpoints begins; those that begin together stay as they are. */
function inStartSequence(
  { pairs }: PlanInput,
  servers: readonly (readonly number[])[],
  startsMs: readonly number[],
): PlannedPair[] {
  return pairs
    .map((pair, index) => {
      const starts = (servers[index] ?? []).map((endpoint) => startsMs[endpoint] ?? Infinity);
      return { pair, index, startMs: Math.min(...starts) };
    })
    .sort((one, other) => one.startMs - other.startMs || one.index - other.index)
    .map(({ pair }) => pair);
}

/** Earlier first; of equals, what holds GPUs for less. */
function compare(one: OrderPlan, other: OrderPlan): number {
  return one.makespanMs - other.makespanMs || gpuMs(one) - gpuMs(other);
}

function gpuMs({ coldStartMs, busyMs, idleMs }: OrderPlan): number {
  return coldStartMs + busyMs + idleMs;
}

/** Among equals: nobody waits for anybody. */
function preference(order: RunOrder): number {
  return order === 'pipeline' ? 1 : 0;
}
