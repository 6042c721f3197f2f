import { z } from 'zod';
import { pageSchema } from './lists.js';

/** Purposes a file may be uploaded for: OpenAI's. Only `batch` files are read by Beacon itself. */
export const FILE_PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;
/** Of output and error files. */
export const OUTPUT_PURPOSE = 'batch_output';

const EXPIRES_MIN_S = 3600;
const EXPIRES_MAX_S = 2_592_000;
const expirySeconds = z
  .int()
  .min(EXPIRES_MIN_S, `must be ${EXPIRES_MIN_S} to ${EXPIRES_MAX_S}`)
  .max(EXPIRES_MAX_S, `must be ${EXPIRES_MIN_S} to ${EXPIRES_MAX_S}`);

/** When a file expires, counted from when it was made. */
export const expiresAfterSchema = z.strictObject({ anchor: z.literal('created_at'), seconds: expirySeconds });

/** Fields of the form, besides the file; a form knows text only. */
export const fileFieldsSchema = z.strictObject({
  purpose: z.enum(FILE_PURPOSES),
  expires_after: z
    .strictObject({
      anchor: z.literal('created_at'),
      seconds: z
        .string()
        .regex(/^[0-9]{1,9}$/, 'must be a whole number of seconds')
        .transform(Number)
        .pipe(expirySeconds),
    })
    .optional(),
});

/** The form as the API's description has it. */
export const fileUploadSchema = z
  .strictObject({
    file: z.string().meta({ format: 'binary', description: 'The file itself; it is streamed.' }),
    purpose: z.enum(FILE_PURPOSES),
    'expires_after[anchor]': z.literal('created_at').optional(),
    'expires_after[seconds]': expirySeconds.optional(),
  })
  .meta({ id: 'FileUpload' });

const unixSeconds = z.int();

export const fileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int(),
    created_at: unixSeconds,
    /** Absent: it stays until it is deleted. */
    expires_at: unixSeconds.optional(),
    filename: z.string(),
    purpose: z.enum([...FILE_PURPOSES, OUTPUT_PURPOSE]),
    /** OpenAI has deprecated it; clients still wait for it. A file that is seen is whole. */
    status: z.literal('processed'),
  })
  .meta({ id: 'File' });
export type FileView = z.infer<typeof fileSchema>;

export const fileListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: z.string().min(1).max(64).optional(),
  after: z.string().min(1).max(64).optional(),
});

export const fileListSchema = pageSchema(fileSchema).meta({ id: 'FileList' });

export const fileDeletedSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('file'),
    deleted: z.literal(true),
  })
  .meta({ id: 'FileDeleted' });

const FILE_ID = /^file-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/** @param id a UUID @returns as OpenAI spells it */
export function fileIdOf(id: string): string {
  return `file-${id.replaceAll('-', '')}`;
}

/** @returns the UUID; undefined: it is no id of a file */
export function parseFileId(text: string): string | undefined {
  return FILE_ID.exec(text)?.slice(1).join('-');
}
