import type { RunOrder } from '../runs/run.js';
import type { PlanInput } from './plan-input.js';

/**
 * A stretch of a run at whose end everything waits for everything: a question, a region, the part before a gate.
 * Its cells differ by pair only, so they are counted, not listed.
 */
export interface Phase {
  /** Positions in `PlanInput.pairs`. */
  readonly pairs: readonly number[];
  readonly cellsPerPair: number;
  /** Whether a pair's next cell is submitted only when its last one is done. */
  readonly oneInFlight: boolean;
  /** From 1. */
  readonly fromQuestion: number;
  readonly toQuestion: number;
}

/** The order in which the runner submits cells, as `nextCells` decides it while nothing fails. */
export function phasesOf(order: RunOrder, input: PlanInput): Phase[] {
  const all = input.pairs.map((_, pair) => pair);
  switch (order) {
    case 'question':
      return Array.from({ length: input.questions }, (_, index) => ({
        pairs: all,
        cellsPerPair: input.repeats,
        oneInFlight: false,
        fromQuestion: index + 1,
        toQuestion: index + 1,
      }));
    case 'region': {
      const regions = [...new Set(input.pairs.map(({ region }) => region))];
      const byRegion = regions.map((region) => all.filter((pair) => input.pairs[pair]?.region === region));
      return partsBetweenGates(input).flatMap((part) => byRegion.map((pairs) => ({ ...part, pairs })));
    }
    case 'pipeline':
    case 'best':
      return partsBetweenGates(input).map((part) => ({ ...part, pairs: all }));
  }
}

/** A gate makes the part before it a run of its own. */
export function partsBetweenGates({ questions, repeats, gatesAfter }: PlanInput): Omit<Phase, 'pairs'>[] {
  const ends = [...new Set([...gatesAfter.filter((question) => question < questions), questions])];
  return ends
    .sort((left, right) => left - right)
    .map((toQuestion, index) => {
      const fromQuestion = (ends[index - 1] ?? 0) + 1;
      const cellsPerPair = (toQuestion - fromQuestion + 1) * repeats;
      return { fromQuestion, toQuestion, cellsPerPair, oneInFlight: true };
    });
}
