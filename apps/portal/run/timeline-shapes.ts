import type { AnswerOf } from '#router-client';

type WholeTimeline = AnswerOf<'/runs/{id}/timeline', 'get'>;
export type Timeline = Omit<WholeTimeline, 'lanes'> & { readonly lanes: readonly Lane[] };
/** Customers are told no `endpoint_id`. */
export type Lane = Omit<WholeTimeline['lanes'][number], 'endpoint_id'> & { readonly endpoint_id?: string };
export type LaneState = Lane['intervals'][number]['state'];

interface Span {
  readonly from_s: number;
  readonly to_s: number;
}

/** From `fromS` on so many GPUs are held. */
export interface Level {
  readonly fromS: number;
  readonly gpus: number;
}

/** @returns the GPUs that the run's containers held, one each, as steps in order; the last one is zero */
export function gpusOverTime(lanes: readonly { readonly spans: readonly Span[] }[]): Level[] {
  const turns = lanes
    .flatMap(({ spans }) => unionOf(spans))
    .flatMap(({ from_s: fromS, to_s: toS }) => [
      { atS: fromS, by: 1 },
      { atS: toS, by: -1 },
    ])
    // Who leaves at the moment another comes has left.
    .sort((left, right) => left.atS - right.atS || left.by - right.by);
  const levels: Level[] = [];
  let gpus = 0;
  for (const { atS, by } of turns) {
    gpus += by;
    if (levels.at(-1)?.fromS === atS) levels.pop();
    if (levels.at(-1)?.gpus !== gpus) levels.push({ fromS: atS, gpus });
  }
  return levels;
}

/** Spans that touch or overlap are one: several calls at once are made in one container. */
function unionOf(spans: readonly Span[]): Span[] {
  const union: Span[] = [];
  for (const span of [...spans].sort((left, right) => left.from_s - right.from_s)) {
    const last = union.at(-1);
    if (last !== undefined && span.from_s <= last.to_s + TOUCH_S)
      union[union.length - 1] = { from_s: last.from_s, to_s: Math.max(last.to_s, span.to_s) };
    else union.push(span);
  }
  return union;
}

/** Between a call and the next one of the same container no GPU is given back. */
const TOUCH_S = 0.5;

/** Seconds that a lane was in a state. */
export function secondsIn({ intervals }: Pick<Lane, 'intervals'>, state: LaneState): number {
  return intervals.reduce(
    (sum, interval) => sum + (interval.state === state ? interval.to_s - interval.from_s : 0),
    0,
  );
}

/** @returns where all that is shown ends; at least a second */
export function spanOf({ lanes, as_of: asOf, zero_at: zeroAt, status }: Timeline): number {
  const ends = lanes.flatMap(({ intervals, planned }) => [
    intervals.at(-1)?.to_s ?? 0,
    planned.at(-1)?.to_s ?? 0,
  ]);
  const elapsedS = (Date.parse(asOf) - Date.parse(zeroAt)) / 1000;
  return Math.max(1, ...ends, status === 'planned' ? 0 : elapsedS);
}

/** Round moments for an axis, about `count` of them. */
export function ticksOf(spanS: number, count: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
  const step = steps.find((each) => spanS / each <= count) ?? Math.ceil(spanS / count / 86_400) * 86_400;
  return Array.from({ length: Math.floor(spanS / step) + 1 }, (_, index) => index * step);
}

export function nameOf({ endpoint_id: id, models, regions }: Lane): string {
  return id ?? `${models.join(', ')} in ${regions.join(', ')}`;
}
