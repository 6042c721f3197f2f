import { describe, expect, it } from '@jest/globals';
import { budgetFacts, startGaps, type BudgetRows, type OpenCellCalls } from './budget-facts.js';
import { costRateOf, nothingSpent, type DecidedCall } from './spending.js';

const rows = (changes: Partial<BudgetRows> = {}): BudgetRows => ({
  ...{ rates: [], timeoutMs: 1000, policy: 'pin', spending: [], open: [], ended: [], learned: [] },
  ...{ learnedGaps: [], pauseMs: 30_000, nowMs: 0 },
  ...changes,
});
const cell = (changes: Partial<OpenCellCalls> = {}): OpenCellCalls => ({
  ...{ region: 'US', model: 'm1', maxAttempts: 4, endedCalls: 0, isOver: false },
  ...{ runningEndpointId: null, runningSinceMs: null, decidedMs: 0 },
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
    expect(boundsOf('US', 'm1')).toMatchObject({ warmMs: 30, coldMs: 90 });
    expect(boundsOf('EU', 'm1')).toMatchObject({ warmMs: 500, coldMs: undefined });
    expect(boundsOf('US', 'm2')).toMatchObject({ warmMs: undefined, coldMs: undefined });
  });
});

describe('the bound of start gaps', () => {
  const gaps = (region: string, cold: boolean, ...samplesMs: number[]) => ({
    ...{ region, model: 'm1', cold, samplesMs },
  });
  const many = (ms: number): number[] => Array.from({ length: 20 }, () => ms);
  it.each([
    ['is not known where nothing has been learned', [], undefined],
    [
      'is the p95 of the own ones, where they are enough',
      [gaps('US', false, ...many(7)), gaps('EU', false, 90)],
      7,
    ],
    ['is that of all where the own ones are few', [gaps('US', false, 7), gaps('EU', false, 90)], 90],
    [
      'is not below the own ones, however few',
      [gaps('US', false, 90), gaps('EU', false, ...many(7), ...many(7))],
      90,
    ],
    ['is that of others where there are no own ones', [gaps('EU', false, 5), gaps('EU', true, 90)], 5],
    [
      'is that of cold starts where no container was ever kept warm',
      [gaps('EU', true, 30), gaps('US', true, 90)],
      90,
    ],
  ])('%s', (_name, learnedGaps, gapMs) => {
    expect(budgetFacts(rows({ learnedGaps })).boundsOf('US', 'm1').gapMs).toBe(gapMs);
  });
});

describe('startGaps', () => {
  const WINDOW_S = 10;
  const rates = [
    costRateOf({
      ...{ id: 'e', region: 'US', models: ['m1'], gpu: 'T4', protocol: 'modal-hf' },
      scaledown_window_s: WINDOW_S,
    }),
  ];
  const before = { ...nothingSpent('e'), calls: 1, lastEndMs: 1000 };
  const call = (decidedMs: number | null, startMs: number): DecidedCall => ({
    ...{ endpointId: 'e', region: 'US', model: 'm1', isCold: false },
    ...{ decidedMs, startMs, endMs: startMs + 100 },
  });
  const learned = (...calls: DecidedCall[]) =>
    startGaps([before], calls, rates).map(({ cold, gapMs }) => `${cold ? 'cold' : 'warm'} ${gapMs}`);

  it.each([
    ['from the decision to the start', [call(1500, 1530)], ['warm 30']],
    ['from the end of the call before it where that is later', [call(900, 1050)], ['warm 50']],
    ['one for each call in a row', [call(900, 1050), call(900, 1170)], ['warm 50', 'warm 20']],
    ['a window at most', [call(1500, 60_000)], ['warm 10000']],
    ['those of calls that found no container apart', [call(11_000, 11_040)], ['cold 40']],
    ['nothing of a call that began beside another', [call(900, 950)], []],
    ['nothing of a call of which nobody knows the decision', [call(null, 1500)], []],
    ['nothing of a call whose start was told by a clock that goes behind', [call(1500, 1490)], []],
  ])('learns %s', (_name, calls, expected) => {
    expect(learned(...calls)).toEqual(expected);
  });

  it('knows the first call of all for a cold one', () => {
    expect(startGaps([], [call(1500, 1530)], rates)).toEqual([
      { region: 'US', model: 'm1', cold: true, gapMs: 30 },
    ]);
  });
});
