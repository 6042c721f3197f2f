import { median } from '../quantile.js';
import type { RunOrder } from './run.js';

/** What one (model, region) pair still has to do. */
export interface PairWork {
  readonly region: string;
  readonly model: string;
  /** Cells without an answer. */
  readonly remaining: number;
  /** Those of the first unfinished question. */
  readonly remainingOfQuestion: number;
}

/** Learned warm execution times of a pair, in any order. */
export interface WarmTimes {
  readonly region: string;
  readonly model: string;
  readonly samplesMs: readonly number[];
}

/**
 * Remaining time from what has been learned so far, as if every endpoint were warm and served this run alone.
 * A pair nothing is known about is taken to be like the slowest of its model, else of all.
 * @param repeats cells of one question in one pair
 * @returns seconds, or null where nothing has been learned
 */
export function estimateRemainingSeconds(
  order: RunOrder,
  pairs: readonly PairWork[],
  repeats: number,
  learned: readonly WarmTimes[],
): number | null {
  const open = pairs.filter(({ remaining }) => remaining > 0);
  if (open.length === 0) return 0;
  const known = learned.filter(({ samplesMs }) => samplesMs.length > 0);
  if (known.length === 0) return null;
  const timed = open.map((pair) => ({ ...pair, cellMs: cellMs(pair, known) }));
  return Math.ceil(remainingMs(order, timed, repeats)) / 1000;
}

type TimedPair = PairWork & { readonly cellMs: number };

function remainingMs(order: RunOrder, pairs: readonly TimedPair[], repeats: number): number {
  const pairMs = pairs.map(({ remaining, cellMs }) => remaining * cellMs);
  switch (order) {
    case 'pipeline':
    case 'best':
      return Math.max(...pairMs);
    case 'region': {
      const slowest = new Map<string, number>();
      for (const [index, { region }] of pairs.entries()) {
        slowest.set(region, Math.max(slowest.get(region) ?? 0, pairMs[index] ?? 0));
      }
      return [...slowest.values()].reduce((sum, ms) => sum + ms, 0);
    }
    case 'question': {
      // The current question ends with its slowest pair; each later one takes the slowest pair's whole question.
      const currentMs = Math.max(
        ...pairs.map(({ remainingOfQuestion, cellMs }) => remainingOfQuestion * cellMs),
      );
      const laterQuestions = Math.max(
        ...pairs.map(({ remaining, remainingOfQuestion }) => (remaining - remainingOfQuestion) / repeats),
      );
      return currentMs + laterQuestions * Math.max(...pairs.map(({ cellMs }) => repeats * cellMs));
    }
  }
}

function cellMs(pair: PairWork, known: readonly WarmTimes[]): number {
  const own = known.filter(({ region, model }) => region === pair.region && model === pair.model);
  const ofModel = known.filter(({ model }) => model === pair.model);
  const like = own.length > 0 ? own : ofModel.length > 0 ? ofModel : known;
  return Math.max(...like.map(({ samplesMs }) => median(samplesMs) ?? 0));
}
