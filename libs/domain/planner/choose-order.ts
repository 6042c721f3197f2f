import { chooseOrder, type RequestedOrder, type RunOrder } from '../runs/run.js';
import type { OrderPlan } from './order-plan.js';
import type { RunForecast } from './plan-orders.js';

/** What a run may take; left out: anything. */
export interface PlanLimits {
  readonly deadlineMs?: number | undefined;
  readonly budgetUsd?: number | undefined;
  /** Time for which GPUs are held, idle tails included. */
  readonly budgetGpuMs?: number | undefined;
}

/** Null: it cannot be said, because a price is not known. */
export interface Feasibility {
  readonly feasible: boolean | null;
  /** Why not, or why it cannot be said. */
  readonly reasons: readonly string[];
}

export function judgeFeasibility(
  plan: OrderPlan,
  { deadlineMs, budgetUsd, budgetGpuMs }: PlanLimits,
): Feasibility {
  const reasons: string[] = [];
  let feasible: boolean | null = true;
  if (budgetUsd !== undefined && plan.costUsd === null) {
    feasible = null;
    reasons.push(`the cost is not known: no price for ${plan.unpricedGpus.join(', ')}`);
  }
  if (budgetUsd !== undefined && plan.costUsd !== null && plan.costUsd > budgetUsd) {
    feasible = false;
    reasons.push(`costs ${plan.costUsd} USD, the budget is ${budgetUsd} USD`);
  }
  const gpuMs = plan.coldStartMs + plan.busyMs + plan.idleMs;
  if (budgetGpuMs !== undefined && gpuMs > budgetGpuMs) {
    feasible = false;
    reasons.push(`holds GPUs for ${gpuMs / 1000} s, the budget is ${budgetGpuMs / 1000} s`);
  }
  if (deadlineMs !== undefined && plan.makespanMs > deadlineMs) {
    feasible = false;
    reasons.push(`takes ${plan.makespanMs / 1000} s, the deadline is ${deadlineMs / 1000} s`);
  }
  return { feasible, reasons };
}

export interface ChosenOrder {
  readonly order: RunOrder;
  readonly reason: string;
}

/** Orders whose makespans differ by less are taken to be equal: times are estimates. */
const TIE = 1.01;

/**
 * What a run does when it asks for `auto`: the fastest order that keeps deadline and budget; where none does, the fastest. Among equals, `question` where the run has gates and `pipeline` elsewhere.
 */
export function choosePlannedOrder(
  requested: RequestedOrder,
  gates: number,
  { orders, best }: RunForecast,
  limits: PlanLimits = {},
): ChosenOrder {
  const usual = chooseOrder(requested, gates);
  if (requested === 'best' && best.sameAs !== null) {
    return { order: best.sameAs, reason: `no order is faster than ${best.sameAs}` };
  }
  if (requested !== 'auto') return usual;
  const rank = (plan: OrderPlan): number => {
    const { feasible } = judgeFeasibility(plan, limits);
    return feasible === true ? 0 : feasible === null ? 1 : 2;
  };
  const plans = Object.values(orders);
  const bestRank = Math.min(...plans.map(rank));
  const allowed = plans.filter((plan) => rank(plan) === bestRank);
  const fastestMs = Math.min(...allowed.map(({ makespanMs }) => makespanMs));
  const usualPlan = orders[usual.order];
  if (allowed.includes(usualPlan) && usualPlan.makespanMs <= fastestMs * TIE) return usual;
  const order = (['pipeline', 'region', 'question', 'best'] as const).find(
    (each) => allowed.includes(orders[each]) && orders[each].makespanMs === fastestMs,
  );
  if (order === undefined) return usual;
  const { makespanMs } = usualPlan;
  const why =
    usualPlan.makespanMs > fastestMs
      ? `is planned to take ${fastestMs / 1000} s, ${usual.order} ${makespanMs / 1000} s`
      : `keeps the deadline and the budget, ${usual.order} does not`;
  return { order, reason: `${order} ${why}` };
}
