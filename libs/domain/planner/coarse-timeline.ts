import type { Interval, OpenInterval } from './container-timeline.js';

/**
 * A timeline in fewer pieces, none of which is a hole: calls with short pauses between them become one, with ever longer
 * pauses until the pieces are few enough. Cold starts stay: they are what people look for.
 * @param intervals of one container, in order; may be read several times
 * @returns undefined where there are too many cold starts for so few pieces
 */
export function coarseTimeline(intervals: Iterable<Interval>, max: number): Interval[] | undefined {
  const whole = joinPauses(intervals, 0, max);
  if (whole !== undefined) return whole;
  let longestMs = 0;
  for (const { state, fromMs, toMs } of intervals)
    if (state === 'idle') longestMs = Math.max(longestMs, toMs - fromMs);
  for (let closeMs = 1; ; closeMs *= 4) {
    const joined = joinPauses(intervals, closeMs, max);
    if (joined !== undefined || closeMs > longestMs) return joined;
  }
}

/** @returns undefined as soon as there are more than `max` */
function joinPauses(intervals: Iterable<Interval>, closeMs: number, max: number): Interval[] | undefined {
  const joined: OpenInterval[] = [];
  let before: OpenInterval | undefined;
  for (const interval of intervals) {
    if (before !== undefined && isJoined(before, interval, closeMs)) {
      before.toMs = Math.max(before.toMs, interval.toMs);
      if (interval.state !== 'busy') continue;
      before.fromQuestion = Math.min(before.fromQuestion, interval.fromQuestion);
      before.toQuestion = Math.max(before.toQuestion, interval.toQuestion);
    } else {
      if (joined.length >= max) return undefined;
      before = { ...interval };
      joined.push(before);
    }
  }
  return joined;
}

function isJoined(before: Interval, { state, fromMs, toMs }: Interval, closeMs: number): boolean {
  if (closeMs === 0) return false;
  if (state === 'idle' && before.state === 'busy') return toMs - fromMs <= closeMs;
  return before.state === state && state !== 'warming' && fromMs - before.toMs <= closeMs;
}
