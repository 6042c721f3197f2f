import type { OpenCell } from './next-cells.js';
import type { RequestedOrder } from './run.js';

/** Orders in which regions can be asked together; in the others one comes long after another. */
const TOGETHER: readonly RequestedOrder[] = ['auto', 'question', 'pipeline'];

export function canKeepTogether(order: RequestedOrder): boolean {
  return TOGETHER.includes(order);
}

/**
 * Keeps the regions that answer one question together: a cell waits while another region's cell of an earlier question
 * or repeat of its model is open. How long that one will take is not known, so whoever went ahead could pass any
 * bound; who waits is asked in the same step as all the others.
 * @param ready cells whose turn it is
 * @param open the first open cells of each pair
 * @param models of the pairs, whose numbers count from 1
 */
export function keepTogether(
  ready: readonly OpenCell[],
  open: readonly OpenCell[],
  models: readonly string[],
): readonly OpenCell[] {
  // Cells of one question and repeat are numbered in a row, pair by pair.
  const placeOf = ({ cellNo }: OpenCell): number => Math.floor((cellNo - 1) / models.length);
  const modelOf = ({ pairNo }: OpenCell): string | undefined => models[pairNo - 1];
  const first = new Map<string | undefined, number>();
  for (const cell of open) {
    first.set(modelOf(cell), Math.min(first.get(modelOf(cell)) ?? Infinity, placeOf(cell)));
  }
  return ready.filter((cell) => placeOf(cell) === first.get(modelOf(cell)));
}
