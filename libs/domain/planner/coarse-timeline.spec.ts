import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { coarseTimeline } from './coarse-timeline.js';
import type { Interval, IntervalState } from './container-timeline.js';

const span = (state: IntervalState, fromMs: number, toMs: number, question = 0): Interval => ({
  ...{ state, fromMs, toMs, fromQuestion: question, toQuestion: question },
});

const calls = (count: number): Interval[] =>
  Array.from({ length: count }, (_, index): Interval[] => [
    span('busy', index * 100, index * 100 + 90, index + 1),
    span('idle', index * 100 + 90, index * 100 + 100),
  ]).flat();

describe('a timeline in fewer pieces', () => {
  it('is the same where there are few', () => {
    const spans = [span('warming', 0, 10), span('busy', 10, 20, 1), span('idle', 20, 60)];
    expect(coarseTimeline(spans, 10)).toEqual(spans);
    expect(coarseTimeline([], 10)).toEqual([]);
  });

  it('takes calls with short pauses for one, and keeps the long one', () => {
    const after = span('idle', 100_000, 400_000);
    expect(coarseTimeline([...calls(1000), after], 10)).toEqual([
      { state: 'busy', fromMs: 0, toMs: 100_000, fromQuestion: 1, toQuestion: 1000 },
      after,
    ]);
  });

  it('covers the same time in order and keeps every cold start; only too many of those are too much', () => {
    const states = fc.array(
      fc.record({
        state: fc.constantFrom<IntervalState>('warming', 'busy', 'idle'),
        ms: fc.integer({ min: 1, max: 1e6 }),
      }),
      { minLength: 1, maxLength: 300 },
    );
    fc.assert(
      fc.property(states, fc.integer({ min: 3, max: 100 }), (given, max) => {
        let fromMs = 0;
        const spans = given.map(({ state, ms }) => span(state, fromMs, (fromMs += ms)));
        const cold = (some: readonly Interval[]) => some.filter(({ state }) => state === 'warming');
        const coarse = coarseTimeline(spans, max);
        if (coarse === undefined) {
          // Between two cold starts there may be an idle and a busy time.
          expect(3 * cold(spans).length + 2).toBeGreaterThan(max);
          return;
        }
        expect(cold(coarse)).toEqual(cold(spans));
        expect(coarse[0]?.fromMs).toBe(0);
        expect(coarse.at(-1)?.toMs).toBe(fromMs);
        coarse.slice(1).forEach((piece, index) => expect(piece.fromMs).toBe(coarse[index]!.toMs));
        expect(coarse.length).toBeLessThanOrEqual(max);
      }),
    );
  });
});
