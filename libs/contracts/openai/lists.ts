import { z } from 'zod';

/** @returns the schema of a page of OpenAI's: their clients go on after `last_id` for as long as `has_more` says so */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    /** null: the page is empty. */
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

export interface Page<Item> {
  readonly object: 'list';
  readonly data: Item[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

/** @param rows one more than `limit` where there is one: it says that the page is not the last */
export function pageOf<Row, Item extends { readonly id: string }>(
  rows: readonly Row[],
  limit: number,
  viewOf: (row: Row) => Item,
): Page<Item> {
  const data = rows.slice(0, limit).map(viewOf);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: rows.length > limit,
  };
}
