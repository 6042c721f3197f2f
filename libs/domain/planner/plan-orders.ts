import { RUN_ORDERS, type RunOrder } from '../runs/run.js';
import { leastMs } from './least-time.js';
import { planStartOnce, type StartOncePlan } from './best-order.js';
import type { OrderPlan } from './order-plan.js';
import type { PlanInput } from './plan-input.js';
import { simulateOrder } from './simulate-order.js';
import { viewsOf } from './virtual-platform.js';
import { serversOfPairs } from './work.js';

export interface BestPlan extends StartOncePlan {
  /** The order that does as well, so that the runner can carry it out today; null where none does. */
  readonly sameAs: RunOrder | null;
}

export interface RunForecast {
  /** One per order that the runner knows. */
  readonly orders: Readonly<Record<RunOrder, OrderPlan>>;
  readonly best: BestPlan;
}

/** What is to be expected of a run in each order. Deterministic; costs some milliseconds whatever the run's size. */
export function forecastRun(input: PlanInput): RunForecast {
  const orders = {
    question: simulateOrder('question', input),
    region: simulateOrder('region', input),
    pipeline: simulateOrder('pipeline', input),
  };
  const once = planStartOnce(input);
  // Starting an endpoint twice may be faster where cold starts are short; a plan that is beaten is not the best.
  const rival = [...RUN_ORDERS]
    .map((order) => orders[order])
    .sort(
      (left, right) =>
        left.makespanMs - right.makespanMs ||
        gpuMs(left) - gpuMs(right) ||
        preference(right) - preference(left),
    )[0];
  if (rival === undefined || rival.makespanMs > once.plan.makespanMs) {
    return { orders, best: { ...once, sameAs: null } };
  }
  const isTie = rival.makespanMs === once.plan.makespanMs;
  if (isTie && gpuMs(rival) > gpuMs(once.plan)) return { orders, best: { ...once, sameAs: null } };
  const sameAs = rival.order === 'best' ? null : rival.order;
  return {
    orders,
    best: {
      ...once,
      plan: { ...rival, order: 'best' },
      sequences: isTie ? once.sequences : [],
      lowerBoundMs: isTie ? once.lowerBoundMs : leastMs(input, serversOfPairs(input, viewsOf(input))),
      isOptimal: once.isOptimal && isTie,
      sameAs,
    },
  };
}

function gpuMs({ coldStartMs, busyMs, idleMs }: OrderPlan): number {
  return coldStartMs + busyMs + idleMs;
}

/** Among equals: nobody waits for anybody. */
function preference({ order }: OrderPlan): number {
  return order === 'pipeline' ? 1 : 0;
}
