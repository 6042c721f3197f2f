/**
 * Runs `work` on every item, at most `limit` at once.
 * @returns what settled, in the order of the items; a failure leaves the others alone
 */
export async function settleAll<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const queue = items.entries();
  const results: PromiseSettledResult<Result>[] = [];
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) {
      const [settled] = await Promise.allSettled([work(item)]);
      results[index] = settled;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}
