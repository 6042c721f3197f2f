import { describe, expect, it } from '@jest/globals';
import { budgetFacts, type BudgetRows, type OpenCellCalls } from './budget-facts.js';
import { nothingSpent } from './spending.js';

const rows = (changes: Partial<BudgetRows> = {}): BudgetRows => ({
  ...{ rates: [], timeoutMs: 1000, policy: 'pin', spending: [], open: [], ended: [], learned: [], nowMs: 0 },
  ...changes,
});
const cell = (changes: Partial<OpenCellCalls> = {}): OpenCellCalls => ({
  ...{ region: 'US', model: 'm1', maxAttempts: 4, endedCalls: 0, isOver: false },
  ...{ runningEndpointId: null, runningSinceMs: null },
  ...changes,
});

describe('budgetFacts', () => {
  it.each([
    ['all that its job may make', cell(), 4],
    ['those that its job has not made yet', cell({ endedCalls: 3 }), 1],
    ['the one that is about to end a job of many', cell({ endedCalls: 4 }), 1],
    ['none of a job that is over and not recorded yet', cell({ endedCalls: 1, isOver: true }), 0],
    ['those of a job that is about to be made', cell({ maxAttempts: null }), 1],
  ])('reckons with the calls of a cell: %s', (_name, open, callsLeft) => {
    expect(budgetFacts(rows({ open: [open] })).open[0]?.callsLeft).toBe(callsLeft);
  });

  it('counts calls that ended while their job goes on, beside those of settled cells', () => {
    const before = { ...nothingSpent('e'), calls: 1, busyMs: 100, lastEndMs: 1000 };
    const call = { endpointId: 'e', startMs: 1200, endMs: 1500, isCold: false };
    expect(budgetFacts(rows({ spending: [before], ended: [call] })).spending).toEqual([
      { ...before, calls: 2, busyMs: 400, gapMs: 200, lastEndMs: 1500 },
    ]);
  });

  it("bounds calls by what was learned of the region's own", () => {
    const learned = [
      { region: 'US', model: 'm1', cold: false, samplesMs: [10, 30, 20] },
      { region: 'US', model: 'm1', cold: true, samplesMs: [90] },
      { region: 'EU', model: 'm1', cold: false, samplesMs: [500] },
    ];
    const { boundsOf } = budgetFacts(rows({ learned }));
    expect(boundsOf('US', 'm1')).toEqual({ warmMs: 30, coldMs: 90 });
    expect(boundsOf('EU', 'm1')).toEqual({ warmMs: 500, coldMs: undefined });
    expect(boundsOf('US', 'm2')).toEqual({ warmMs: undefined, coldMs: undefined });
  });
});
