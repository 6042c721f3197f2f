import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { intervalText, isOverBudget, quoteOf, startLabel, ticks, type Forecast } from './quote.js';

const order = (name: string, changes: object = {}) => ({
  ...{ order: name, makespan_s: 480, cost_usd: 0.42, cold_starts: 8, peak_gpus: 8, exact: true },
  ...{ gpu_seconds: { cold_start: 1, busy: 2, idle: 3, total: 6 }, unpriced_gpus: [] },
  ...{ feasible: true, infeasible_because: [], timeline_truncated: false },
  timeline: [
    {
      endpoint_id: 'us-m',
      intervals: [
        { state: 'warming', from_s: 0, to_s: 150, from_question: null, to_question: null },
        { state: 'busy', from_s: 150, to_s: 480, from_question: 'q1', to_question: 'q8' },
        { state: 'idle', from_s: 480, to_s: 780, from_question: null, to_question: null },
      ],
    },
  ],
  ...changes,
});
const forecast = (changes: object = {}): Forecast =>
  ({
    ...{
      total_cells: 64,
      unavailable: [],
      order: 'pipeline',
      requested_order: 'auto',
      reason: 'the fastest',
    },
    ...{ feasible: true, gpu_limit: 8, cells_per_endpoint: { 'us-m': 64 }, times: [], notes: [] },
    orders: [order('question', { makespan_s: 900 }), order('pipeline')],
    ...changes,
  }) as unknown as Forecast;

describe('a quote', () => {
  it('is of the order that the run would be given, and goes on to where containers are let go', () => {
    const quote = quoteOf(forecast());
    expect(quote).toMatchObject({ cells: 64, endS: 780, gpuLimit: 8, isAssumed: false });
    expect(quote?.taken.order).toBe('pipeline');
    expect(quote?.rows.map(({ label }) => label)).toEqual(['us-m']);
    expect(quoteOf(forecast({ order: 'best' }))).toBeUndefined();
  });

  it('names places in place of endpoints where the router does', () => {
    const timeline = [{ region: 'US', models: ['m', 'n'], intervals: [] }];
    const quote = quoteOf(forecast({ orders: [order('pipeline', { timeline })] }));
    expect(quote?.rows.map(({ label }) => label)).toEqual(['US m, n']);
    expect(quote?.endS).toBe(480);
  });

  it('says that times are guesses where one is', () => {
    const times = [{ model: 'm', region: 'US', warm_s: 30, cold_start_s: 150, warm_source: 'assumed' }];
    expect(quoteOf(forecast({ times }))?.isAssumed).toBe(true);
  });

  it.each([
    [{}, 'Start 64 executions, about 8 min, $0.42'],
    [{ makespan_s: 8, cost_usd: null }, 'Start 64 executions, about 8 s'],
    [{ makespan_s: 30_000, cost_usd: 0.000123 }, 'Start 64 executions, about 8 h 20 min, $0.000123'],
  ])('on the button: %j is %j', (changes, label) => {
    expect(startLabel(quoteOf(forecast({ orders: [order('pipeline', changes)] }))!)).toBe(label);
  });

  it.each([
    [undefined, false],
    [{ usd: 0.42, gpu_seconds: 6 }, false],
    [{ usd: 0.41 }, true],
    [{ gpu_seconds: 5.9 }, true],
  ])('of $0.42 and 6 GPU seconds is more than the budget %j: %s', (budget, isOver) => {
    expect(isOverBudget(quoteOf(forecast())!, budget)).toBe(isOver);
  });

  it('says what a container does', () => {
    const texts = quoteOf(forecast())?.rows[0]?.intervals.map(intervalText);
    expect(texts).toEqual([
      'cold start, 0 ms to 2 min 30 s',
      'q1 to q8, 2 min 30 s to 8 min',
      'idle, 8 min to 13 min',
    ]);
  });

  it('has few marks on its axis, from 0 on, none beyond its end', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1e8, noNaN: true }), (endS) => {
        const marks = ticks(endS);
        expect(marks[0]).toBe(0);
        expect(marks.length).toBeLessThanOrEqual(7);
        expect(Math.max(...marks)).toBeLessThanOrEqual(endS);
      }),
    );
  });
});
