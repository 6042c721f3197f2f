import { describe, expect, it } from '@jest/globals';
import { gpusOverTime, secondsIn, spanOf, ticksOf, type Lane, type Timeline } from './timeline-shapes.js';

const span = (from: number, to: number) => ({ from_s: from, to_s: to });

describe('GPUs over time', () => {
  it('counts containers, not calls', () => {
    const lanes = [
      { spans: [span(0, 10), span(5, 20), span(20.2, 30)] },
      { spans: [span(15, 25)] },
      { spans: [] },
    ];
    expect(gpusOverTime(lanes)).toEqual([
      { fromS: 0, gpus: 1 },
      { fromS: 15, gpus: 2 },
      { fromS: 25, gpus: 1 },
      { fromS: 30, gpus: 0 },
    ]);
  });

  it('does not count a GPU twice that is handed on', () => {
    const levels = gpusOverTime([{ spans: [span(0, 10)] }, { spans: [span(10, 20)] }]);
    expect(levels).toEqual([
      { fromS: 0, gpus: 1 },
      { fromS: 20, gpus: 0 },
    ]);
  });
});

describe('a timeline', () => {
  const lane = {
    intervals: [
      { state: 'warming', ...span(0, 40), calls: 0 },
      { state: 'busy', ...span(40, 100), calls: 3 },
      { state: 'busy', ...span(110, 120), calls: 1 },
    ],
    planned: [{ state: 'busy', ...span(0, 300) }],
  } as unknown as Lane;

  it('is as long as what was done, what was planned, and what has passed', () => {
    const timeline = {
      ...{ zero_at: '2026-01-01T00:00:00Z', as_of: '2026-01-01T00:02:00Z', status: 'running' },
      lanes: [lane],
    } as unknown as Timeline;
    expect(spanOf(timeline)).toBe(300);
    expect(spanOf({ ...timeline, lanes: [] })).toBe(120);
    expect(spanOf({ ...timeline, lanes: [], status: 'planned' })).toBe(1);
  });

  it('sums up each state', () => {
    expect([secondsIn(lane, 'warming'), secondsIn(lane, 'busy'), secondsIn(lane, 'idle')]).toEqual([
      40, 70, 0,
    ]);
  });

  it.each([
    [3, 6, [0, 1, 2, 3]],
    [130, 6, [0, 30, 60, 90, 120]],
    [480, 6, [0, 120, 240, 360, 480]],
  ])('of %d s has round moments on its axis', (spanS, count, ticks) => {
    expect(ticksOf(spanS, count)).toEqual(ticks);
  });
});
