import { BATCH_ENDPOINTS, BATCH_STATUSES, completionWindowS } from '#domain';
import { z } from 'zod';
import { storableText } from '../http/inference.js';
import { expiresAfterSchema } from './files.js';
import { pageSchema } from './lists.js';

const metadataSchema = z
  .record(
    storableText.max(64, 'keys may have 64 characters'),
    storableText.max(512, 'must have at most 512 characters'),
  )
  .refine((metadata) => Object.keys(metadata).length <= 16, 'may have 16 keys');

export const batchRequestSchema = z
  .strictObject({
    /** A file of the same tenant, uploaded for the purpose `batch`. */
    input_file_id: z.string().min(1).max(64),
    endpoint: z.enum(BATCH_ENDPOINTS),
    /** OpenAI's `24h`, or another whole number of `s`, `m`, `h` or `d` up to seven days. */
    completion_window: z
      .string()
      .refine(
        (text) => completionWindowS(text) !== undefined,
        'must be a whole number of s, m, h or d up to 7d, like 24h',
      ),
    metadata: metadataSchema.nullish(),
    output_expires_after: expiresAfterSchema.nullish(),
  })
  .meta({ id: 'BatchRequest' });
export type BatchRequest = z.infer<typeof batchRequestSchema>;

const unixSeconds = z.int();

export const batchErrorSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
  /** In the input file, from 1; null: it is about the file. */
  line: z.int().nullable(),
});

export const batchSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.enum(BATCH_ENDPOINTS),
    errors: z.strictObject({ object: z.literal('list'), data: z.array(batchErrorSchema) }).nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum(BATCH_STATUSES),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: unixSeconds,
    in_progress_at: unixSeconds.nullable(),
    expires_at: unixSeconds,
    finalizing_at: unixSeconds.nullable(),
    completed_at: unixSeconds.nullable(),
    failed_at: unixSeconds.nullable(),
    expired_at: unixSeconds.nullable(),
    cancelling_at: unixSeconds.nullable(),
    cancelled_at: unixSeconds.nullable(),
    request_counts: z.strictObject({ total: z.int(), completed: z.int(), failed: z.int() }),
    metadata: z.record(z.string(), z.string()).nullable(),
    /** The model of every line; absent: they have several. */
    model: z.string().optional(),
    /** Of all answers; absent until the batch has ended. */
    usage: z
      .strictObject({
        input_tokens: z.int(),
        input_tokens_details: z.strictObject({ cached_tokens: z.int() }),
        output_tokens: z.int(),
        output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
        total_tokens: z.int(),
      })
      .optional(),
  })
  .meta({ id: 'Batch' });
export type BatchView = z.infer<typeof batchSchema>;

export const batchListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().min(1).max(64).optional(),
});

export const batchListSchema = pageSchema(batchSchema).meta({ id: 'BatchList' });

export const batchErasedSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('batch'),
    erased: z.literal(true),
  })
  .meta({ id: 'BatchErased' });

const BATCH_ID = /^batch_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/** @param id a UUID @returns as OpenAI spells it */
export function batchIdOf(id: string): string {
  return `batch_${id.replaceAll('-', '')}`;
}

/** @returns the UUID; undefined: it is no id of a batch */
export function parseBatchId(text: string): string | undefined {
  return BATCH_ID.exec(text)?.slice(1).join('-');
}
