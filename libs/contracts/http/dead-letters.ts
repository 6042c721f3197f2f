import { DEAD_LETTER_GROUPS, DEAD_LETTER_STATES, REDRIVE_SKIPS } from '#domain';
import { z } from 'zod';
import { storableText } from './inference.js';

/** Dead letters that one request redrives or discards at most. */
export const DEAD_LETTERS_AT_ONCE_MAX = 1000;
const REASON_MAX = 500;

const name = z.string().min(1).max(64);
const time = z.iso.datetime({ offset: true });

/** Which dead letters are meant; what is left out may be anything. */
const filterShape = {
  code: name.optional(),
  /** Where the last attempt was made; an alias will do. */
  region: name.optional(),
  model: name.optional(),
  /** Needs the role `operate`. */
  endpoint: name.optional(),
  task_type: name.optional(),
  /** Callers without `operate` see their own tenant's alone. */
  tenant: name.optional(),
  run_id: z.uuid().optional(),
  /** When the job failed: from then on. */
  since: time.optional(),
  /** Before then. */
  until: time.optional(),
};
const booleanText = z.enum(['true', 'false']).transform((text) => text === 'true');

export const deadLetterQuerySchema = z.strictObject({
  ...filterShape,
  state: z.enum(DEAD_LETTER_STATES).optional(),
  poison: booleanText.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'is not a cursor of this list')
    .optional(),
});

export const deadLetterSummaryQuerySchema = z.strictObject({
  ...filterShape,
  poison: booleanText.optional(),
  /** Separated by commas. */
  group_by: z
    .string()
    .default('code,model,region')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(DEAD_LETTER_GROUPS)).min(1).max(DEAD_LETTER_GROUPS.length)),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

const bodyFilterSchema = z.strictObject({ ...filterShape, poison: z.boolean().optional() });
const atOnce = z.int().min(1).max(DEAD_LETTERS_AT_ONCE_MAX).default(100);
const reason = storableText.min(1).max(REASON_MAX);

/** Body of `POST /dead-letters/redrive`. Letters that are taken for poison are redriven where `poison` is true. */
export const redriveRequestSchema = z.strictObject({ filter: bodyFilterSchema, limit: atOnce });
/** Body of `POST /dead-letters/discard`. */
export const discardManyRequestSchema = z.strictObject({ filter: bodyFilterSchema, limit: atOnce, reason });
/** Body of `POST /dead-letters/{job_id}/discard`. */
export const discardRequestSchema = z.strictObject({ reason });
export type DeadLetterBodyFilter = z.infer<typeof bodyFilterSchema>;

export const deadLetterSchema = z.object({
  job_id: z.uuid(),
  /** null: it is no task's. */
  task_id: z.string().nullable(),
  tenant: z.string(),
  code: z.string(),
  /** What was said of the last failure. */
  detail: z.string().nullable(),
  model: z.string(),
  /** Where the last attempt was made. */
  region: z.string(),
  endpoint_id: z.string().nullable(),
  task_type: z.string().nullable(),
  run_id: z.uuid().nullable(),
  attempt_count: z.int(),
  /** The payload seems to be the cause: it killed its workers, or has failed alike several times. */
  poison: z.boolean(),
  /** Equal where model and request are; null: erased. */
  payload_sha256: z.string().nullable(),
  state: z.enum(DEAD_LETTER_STATES),
  /** The latest job that was made of it. */
  redriven_as: z.uuid().nullable(),
  /** The dead letter that this job itself was made of. */
  redriven_from: z.uuid().nullable(),
  resolved_at: z.iso.datetime().nullable(),
  /** Id of the key. */
  resolved_by: z.string().nullable(),
  reason: z.string().nullable(),
  failed_at: z.iso.datetime(),
  /** When its prompt was erased: it cannot be redriven any more. */
  erased_at: z.iso.datetime().nullable(),
});
export type DeadLetterView = z.infer<typeof deadLetterSchema>;

/** A letter as a client may get it: without `operate` some is left out, and the model of tasks is null. */
export const receivedDeadLetterSchema = deadLetterSchema
  .partial({ detail: true, endpoint_id: true, resolved_by: true })
  .extend({ model: z.string().nullable() });

const count = z.int().min(0);

export const deadLetterListSchema = z.object({
  dead_letters: z.array(deadLetterSchema),
  next_cursor: z.string().nullable(),
  /** Of all that the filter matches, whatever `state` is asked for. */
  counts: z.object({ open: count, redriven: count, discarded: count, poison: count }),
});
export const receivedDeadLetterListSchema = deadLetterListSchema.extend({
  dead_letters: z.array(receivedDeadLetterSchema),
});
export type DeadLetterListView = z.infer<typeof deadLetterListSchema>;

const attemptSchema = z.object({
  attempt: z.int(),
  endpoint_id: z.string().nullable(),
  region: z.string(),
  status: z.string(),
  error_code: z.string().nullable(),
  detail: z.string().nullable(),
  http_status: z.int().nullable(),
  execution_ms: z.int().nullable(),
  started_at: z.iso.datetime().nullable(),
  finished_at: z.iso.datetime().nullable(),
});
export const deadLetterDetailSchema = deadLetterSchema.extend({ attempts: z.array(attemptSchema) });
export const receivedDeadLetterDetailSchema = receivedDeadLetterSchema.extend({
  attempts: z.array(attemptSchema.partial({ endpoint_id: true, detail: true, http_status: true })),
});
export type DeadLetterDetailView = z.infer<typeof deadLetterDetailSchema>;

export const deadLetterSummarySchema = z.object({
  group_by: z.array(z.enum(DEAD_LETTER_GROUPS)),
  /** Open dead letters, the largest group first. A field that is not grouped by is null. */
  groups: z.array(
    z.object({
      code: z.string().nullable(),
      model: z.string().nullable(),
      region: z.string().nullable(),
      endpoint: z.string().nullable(),
      open: count,
      poison: count,
      /** Different requests among them: few of them with many letters point at the requests. */
      payloads: count,
      oldest_at: z.iso.datetime(),
      newest_at: z.iso.datetime(),
    }),
  ),
});
export type DeadLetterSummaryView = z.infer<typeof deadLetterSummarySchema>;

/** Answer of `POST /dead-letters/{job_id}/redrive`. */
export const redrivenSchema = z.object({
  job_id: z.uuid(),
  /** The job that takes its place. */
  redriven_as: z.uuid(),
  /** It had been redriven before, and that job has not failed. */
  already: z.boolean(),
});
export type RedrivenView = z.infer<typeof redrivenSchema>;

/** Answer of `POST /dead-letters/redrive`. */
export const redrivenManySchema = z.object({
  redriven: count,
  jobs: z.array(z.object({ job_id: z.uuid(), redriven_as: z.uuid() })),
  skipped: z.array(z.object({ job_id: z.uuid(), reason: z.enum(REDRIVE_SKIPS) })),
  /** How many were passed over, by reason. */
  skipped_by_reason: z.partialRecord(z.enum(REDRIVE_SKIPS), count),
  /** More match than were looked at. */
  more: z.boolean(),
});
export type RedrivenManyView = z.infer<typeof redrivenManySchema>;

/** Answer of `POST /dead-letters/discard`. */
export const discardedManySchema = z.object({ discarded: count, more: z.boolean() });
export type DiscardedManyView = z.infer<typeof discardedManySchema>;

export type ReceivedDeadLetterList = z.infer<typeof receivedDeadLetterListSchema>;
export type ReceivedDeadLetterDetail = z.infer<typeof receivedDeadLetterDetailSchema>;
