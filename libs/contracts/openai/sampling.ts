import { z } from 'zod';
import { seedSchema } from '../http/inference.js';

// Parameters of both requests. What the endpoints cannot be told is taken at the value at which it changes nothing, and
// refused at any other: an answer that was made otherwise than asked for is worse than none.

/** OpenAI takes 4; some evaluations come with more. */
export const STOP_MAX = 16;
const NOT_CARRIED = 'endpoints cannot be told';

/** @returns a parameter that is taken at one value only */
export const onlyAt = <T extends string | number | boolean>(value: T, why = NOT_CARRIED) =>
  z.literal(value, { error: `must be ${JSON.stringify(value)} or left out: ${why}` }).nullish();

/** @returns a list that must be empty */
export const onlyEmpty = (why: string) =>
  z
    .array(z.unknown(), { error: `must be empty or left out: ${why}` })
    .max(0, `must be empty or left out: ${why}`)
    .nullish();

/** @returns a parameter that is not taken at all */
export const notTaken = (why: string) => z.null({ error: `cannot be served: ${why}` }).optional();

/** @returns a parameter whose value says nothing about the answer */
export const ignored = (schema: z.ZodType) => schema.nullish();

export const tokenCount = z.int().min(1).nullish();

const stopText = z.string().min(1).max(1024);

export const samplingShape = {
  model: z.string().min(1).max(130),
  temperature: z.number().min(0).max(2).nullish(),
  seed: seedSchema.nullish(),
  /** The answer ends before the first of these. */
  stop: z.union([stopText, z.array(stopText).max(STOP_MAX)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      include_obfuscation: ignored(z.boolean()),
    })
    .nullish(),
  n: onlyAt(1, 'Beacon asks once; ask again for another sample'),
  top_p: onlyAt(1),
  frequency_penalty: onlyAt(0),
  presence_penalty: onlyAt(0),
  logit_bias: z
    .record(z.string(), z.unknown())
    .refine((bias) => Object.keys(bias).length === 0, `must be empty or left out: ${NOT_CARRIED}`)
    .nullish(),
  user: ignored(z.string().max(1024)),
} as const;

/** OpenAI's own rule. @returns what is wrong, or undefined */
export function streamOptionsFault(body: {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: unknown;
}): string | undefined {
  const { stream, stream_options: options } = body;
  if (options === undefined || options === null || stream === true) return undefined;
  return 'is only allowed when stream is true';
}

/** Stop sequences as a list. */
export function stopsOf(stop: string | readonly string[] | null | undefined): readonly string[] {
  if (stop === null || stop === undefined) return [];
  return typeof stop === 'string' ? [stop] : stop;
}
