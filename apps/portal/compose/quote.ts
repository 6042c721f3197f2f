import type { AnswerOf } from '#router-client';
import { formatCount, formatDuration, formatUsd, roughly } from '../figures/format.js';

/** Answer of `POST /runs/plan`, of either face. */
export type Forecast = AnswerOf<'/runs/plan', 'post'>;
export type PlannedOrder = Forecast['orders'][number];
export type Interval = PlannedOrder['timeline'][number]['intervals'][number];

export interface TimelineRow {
  /** The endpoint; to customers region and models. */
  readonly label: string;
  readonly intervals: readonly Interval[];
}

/** What a run would take in the order that it would be given. */
export interface Quote {
  readonly cells: number;
  readonly taken: PlannedOrder;
  /** Why this order. */
  readonly reason: string;
  readonly orders: readonly PlannedOrder[];
  readonly rows: readonly TimelineRow[];
  /** Where the drawing ends: the last interval, or the last answer. */
  readonly endS: number;
  readonly gpuLimit: number;
  readonly unavailable: readonly { readonly model: string; readonly region: string }[];
  readonly notes: readonly string[];
  /** Nothing has been learned of some pair: times are guesses. */
  readonly isAssumed: boolean;
  /** GPUs without a price; customers are not told which. */
  readonly unpricedGpus: readonly string[];
}

/** @returns undefined where the answer does not tell of the order that it names */
export function quoteOf(forecast: Forecast): Quote | undefined {
  const taken = forecast.orders.find(({ order }) => order === forecast.order);
  if (taken === undefined) return undefined;
  const rows = taken.timeline.map((row) => ({
    label: 'endpoint_id' in row ? row.endpoint_id : `${row.region} ${row.models.join(', ')}`,
    intervals: row.intervals,
  }));
  return {
    cells: forecast.total_cells,
    taken,
    reason: forecast.reason,
    orders: forecast.orders,
    rows,
    endS: rows.reduce(
      (end, { intervals }) => intervals.reduce((last, { to_s: to }) => Math.max(last, to), end),
      taken.makespan_s,
    ),
    gpuLimit: forecast.gpu_limit,
    unavailable: forecast.unavailable,
    notes: forecast.notes,
    isAssumed: forecast.times.some(
      ({ warm_source: warm, cold_source: cold }) => warm === 'assumed' || cold === 'assumed',
    ),
    unpricedGpus: 'unpriced_gpus' in taken ? taken.unpriced_gpus : [],
  };
}

/** What the button starts: "Start 64 executions, about 8 min, $0.42". */
export function startLabel({ cells, taken }: Pick<Quote, 'cells' | 'taken'>): string {
  const what = `Start ${formatCount(cells)} ${cells === 1 ? 'execution' : 'executions'}`;
  const parts = [what, about(taken.makespan_s)];
  if (taken.cost_usd !== null) parts.push(price(taken.cost_usd));
  return parts.join(', ');
}

/** Whether it takes more than it may: cells that the budget might not pay for are not asked. */
export function isOverBudget(
  { taken }: Pick<Quote, 'taken'>,
  budget: { readonly usd?: number | undefined; readonly gpu_seconds?: number | undefined } | undefined,
): boolean {
  const { usd = Infinity, gpu_seconds: gpuSeconds = Infinity } = budget ?? {};
  return (taken.cost_usd ?? 0) > usd || taken.gpu_seconds.total > gpuSeconds;
}

/** As the button and the quote say it. */
export function about(seconds: number): string {
  return `about ${roughly(seconds)}`;
}

/** Whole cents where there are some. */
export function price(usd: number): string {
  return usd === 0 || usd >= 0.01 ? `$${usd.toFixed(2)}` : formatUsd(usd);
}

/** An interval in words. */
export function intervalText({
  state,
  from_s: from,
  to_s: to,
  from_question: first,
  to_question: last,
}: Interval): string {
  const span = `${formatDuration(from)} to ${formatDuration(to)}`;
  if (state === 'warming') return `cold start, ${span}`;
  if (state === 'idle' || first === null) return `${state}, ${span}`;
  return `${first === last || last === null ? first : `${first} to ${last}`}, ${span}`;
}

/** Marks of an axis: at most `most` of them, at round times. */
export function ticks(endS: number, most = 6): number[] {
  const step =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400].find(
      (each) => endS / each <= most,
    ) ?? Math.ceil(endS / most / 86_400) * 86_400;
  return Array.from({ length: Math.floor(endS / step) + 1 }, (_, index) => index * step);
}
