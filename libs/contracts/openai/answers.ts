import { z } from 'zod';

/** What a request says of how its answer is told. */
export interface ToldBy {
  /** As it was asked for. */
  readonly model: string;
  readonly stop?: string | readonly string[] | null | undefined;
  readonly max_tokens?: number | null | undefined;
  readonly max_completion_tokens?: number | null | undefined;
}

const stopText = z.string().min(1);
const tokenCount = z.number().nullish().catch(undefined);

/**
 * Reads that of a request that was taken and has been answered, maybe by an older Beacon that took more: what would be
 * refused today does not take the answer back.
 */
const toldBySchema = z.object({
  model: z.string().catch(''),
  stop: z
    .union([stopText, z.array(stopText)])
    .nullish()
    .catch(undefined),
  max_tokens: tokenCount,
  max_completion_tokens: tokenCount,
});

/** @param body of the request @returns never throws */
export function toldBy(body: unknown): ToldBy {
  return toldBySchema.catch({ model: '' }).parse(body);
}
