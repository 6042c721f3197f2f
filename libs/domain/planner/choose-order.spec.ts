import { describe, expect, it } from '@jest/globals';
import type { RunOrder } from '../runs/run.js';
import { choosePlannedOrder, judgeFeasibility } from './choose-order.js';
import type { OrderPlan } from './order-plan.js';

const plan = (order: RunOrder, makespanMs: number, costUsd: number | null = 1): OrderPlan => ({
  ...{ order, makespanMs, costUsd, coldStartMs: 0, busyMs: 0, idleMs: 0, coldStarts: 0, peakGpus: 0 },
  ...{ unpricedGpus: costUsd === null ? ['ABACUS'] : [], isExact: true, timeline: [], isTruncated: false },
});
const orders = (question: OrderPlan, region: OrderPlan, pipeline: OrderPlan) => ({
  orders: { question, region, pipeline, best: { ...pipeline, order: 'best' as const } },
  best: { pairs: [], sequences: [], lowerBoundMs: 0, isOptimal: false, sameAs: 'pipeline' as const },
});
const EQUAL = orders(plan('question', 1000), plan('region', 3000), plan('pipeline', 995));

describe('choosePlannedOrder', () => {
  it('does what was asked for, whatever it costs', () => {
    expect(choosePlannedOrder('region', 0, EQUAL).order).toBe('region');
  });

  it('takes pipeline among equals, and question where the run has gates', () => {
    expect(choosePlannedOrder('auto', 0, EQUAL).order).toBe('pipeline');
    expect(choosePlannedOrder('auto', 2, EQUAL).order).toBe('question');
  });

  it('takes what is clearly faster, gates or not, and says by how much', () => {
    const faster = orders(plan('question', 8000), plan('region', 9000), plan('pipeline', 2000));
    expect(choosePlannedOrder('auto', 1, faster)).toEqual({
      order: 'pipeline',
      reason: 'pipeline is planned to take 2 s, question 8 s',
    });
  });

  it("takes the planner's own order where that is clearly faster, and its equal where one is as fast", () => {
    const own = { ...EQUAL, orders: { ...EQUAL.orders, best: plan('best', 500) } };
    expect(choosePlannedOrder('auto', 0, { ...own, best: { ...own.best, sameAs: null } }).order).toBe('best');
    expect(choosePlannedOrder('best', 0, { ...own, best: { ...own.best, sameAs: null } }).order).toBe('best');
    expect(choosePlannedOrder('best', 0, EQUAL).order).toBe('pipeline');
  });

  it('takes a slower order that keeps the budget before a faster one that does not', () => {
    const cheap = orders(plan('question', 1000, 9), plan('region', 3000, 2), plan('pipeline', 1000, 9));
    expect(choosePlannedOrder('auto', 0, cheap, { budgetUsd: 5 })).toEqual({
      order: 'region',
      reason: 'region keeps the deadline and the budget, pipeline does not',
    });
    expect(choosePlannedOrder('auto', 0, cheap, { budgetUsd: 1 }).order).toBe('pipeline');
  });
});

describe('judgeFeasibility', () => {
  it('keeps limits that are met exactly', () => {
    const limits = { deadlineMs: 1000, budgetUsd: 2, budgetGpuMs: 6 };
    const exact = { ...plan('question', 1000, 2), coldStartMs: 1, busyMs: 2, idleMs: 3 };
    expect(judgeFeasibility(exact, limits)).toEqual({ feasible: true, reasons: [] });
  });

  it('counts cold starts and idle time in a budget of GPU seconds, and needs no price for it', () => {
    const long = { ...plan('question', 1000, null), coldStartMs: 180_000, busyMs: 40_000, idleMs: 300_000 };
    expect(judgeFeasibility(long, { budgetGpuMs: 519_999 })).toEqual({
      feasible: false,
      reasons: ['holds GPUs for 520 s, the budget is 519.999 s'],
    });
    expect(judgeFeasibility(long, { budgetGpuMs: 520_000 }).feasible).toBe(true);
  });

  it('gives every reason', () => {
    const poor = { ...plan('question', 2000, 3), busyMs: 2000 };
    expect(judgeFeasibility(poor, { deadlineMs: 1000, budgetUsd: 1, budgetGpuMs: 1000 }).reasons).toEqual([
      'costs 3 USD, the budget is 1 USD',
      'holds GPUs for 2 s, the budget is 1 s',
      'takes 2 s, the deadline is 1 s',
    ]);
  });

  it('cannot judge a budget without a price, but a deadline', () => {
    const unpriced = plan('question', 1000, null);
    expect(judgeFeasibility(unpriced, { budgetUsd: 2 })).toEqual({
      feasible: null,
      reasons: ['the cost is not known: no price for ABACUS'],
    });
    expect(judgeFeasibility(unpriced, { budgetUsd: 2, deadlineMs: 10 }).feasible).toBe(false);
    expect(judgeFeasibility(unpriced, {}).feasible).toBe(true);
  });
});
