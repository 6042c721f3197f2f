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
  region: name.optional().describe('Where the last attempt was made; an alias will do.'),
  model: name.optional(),
  endpoint: name.optional().describe('Needs the role `operate`.'),
  task_type: name.optional(),
  tenant: name.optional().describe("Callers without `operate` see their own tenant's alone."),
  run_id: z.uuid().optional(),
  since: time.optional().describe('When the job failed: from then on.'),
  until: time.optional().describe('Before then.'),
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
  group_by: z
    .string()
    .default('code,model,region')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(DEAD_LETTER_GROUPS)).min(1).max(DEAD_LETTER_GROUPS.length))
    .describe('Separated by commas.'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

const bodyFilterSchema = z
  .strictObject({ ...filterShape, poison: z.boolean().optional() })
  .meta({ id: 'DeadLetterFilter' });
const atOnce = z.int().min(1).max(DEAD_LETTERS_AT_ONCE_MAX).default(100);
const reason = storableText.min(1).max(REASON_MAX);

/** Body of `POST /dead-letters/redrive`. Letters that are taken for poison are redriven where `poison` is true. */
export const redriveRequestSchema = z
  .strictObject({ filter: bodyFilterSchema, limit: atOnce })
  .meta({ id: 'RedriveRequest' });
/** Body of `POST /dead-letters/discard`. */
export const discardManyRequestSchema = z
  .strictObject({ filter: bodyFilterSchema, limit: atOnce, reason })
  .meta({ id: 'DiscardManyRequest' });
/** Body of `POST /dead-letters/{job_id}/discard`. */
export const discardRequestSchema = z.strictObject({ reason }).meta({ id: 'DiscardRequest' });
export type DeadLetterBodyFilter = z.infer<typeof bodyFilterSchema>;

export const deadLetterSchema = z
  .object({
    job_id: z.uuid(),
    task_id: z.string().nullable().describe("null: it is no task's."),
    tenant: z.string(),
    code: z.string(),
    detail: z.string().nullable().describe('What was said of the last failure.'),
    model: z.string(),
    region: z.string().describe('Where the last attempt was made.'),
    endpoint_id: z.string().nullable(),
    task_type: z.string().nullable(),
    run_id: z.uuid().nullable(),
    attempt_count: z.int(),
    poison: z
      .boolean()
      .describe(
        'The payload seems to be the cause: it killed its workers, or has failed alike several times.',
      ),
    payload_sha256: z.string().nullable().describe('Equal where model and request are; null: erased.'),
    state: z.enum(DEAD_LETTER_STATES),
    redriven_as: z.uuid().nullable().describe('The latest job that was made of it.'),
    redriven_from: z.uuid().nullable().describe('The dead letter that this job itself was made of.'),
    resolved_at: z.iso.datetime().nullable(),
    resolved_by: z.string().nullable().describe('Id of the key.'),
    reason: z.string().nullable(),
    failed_at: z.iso.datetime(),
    erased_at: z.iso
      .datetime()
      .nullable()
      .describe('When its prompt was erased: it cannot be redriven any more.'),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetterView = z.infer<typeof deadLetterSchema>;

/** A letter as a client may get it: without `operate` some is left out, and the model of tasks is null. */
export const receivedDeadLetterSchema = deadLetterSchema
  .partial({ detail: true, endpoint_id: true, resolved_by: true })
  .extend({ model: z.string().nullable() });

const count = z.int().min(0);

export const deadLetterListSchema = z
  .object({
    dead_letters: z.array(deadLetterSchema),
    next_cursor: z.string().nullable(),
    counts: z
      .object({ open: count, redriven: count, discarded: count, poison: count })
      .describe('Of all that the filter matches, whatever `state` is asked for.'),
  })
  .meta({ id: 'DeadLetterList' });
export const receivedDeadLetterListSchema = deadLetterListSchema.extend({
  dead_letters: z.array(receivedDeadLetterSchema),
});
export type DeadLetterListView = z.infer<typeof deadLetterListSchema>;

const attemptSchema = z
  .object({
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
  })
  .meta({ id: 'DeadLetterAttempt' });
export const deadLetterDetailSchema = deadLetterSchema
  .extend({ attempts: z.array(attemptSchema) })
  .meta({ id: 'DeadLetterDetail' });
export const receivedDeadLetterDetailSchema = receivedDeadLetterSchema.extend({
  attempts: z.array(attemptSchema.partial({ endpoint_id: true, detail: true, http_status: true })),
});
export type DeadLetterDetailView = z.infer<typeof deadLetterDetailSchema>;

export const deadLetterSummarySchema = z
  .object({
    group_by: z.array(z.enum(DEAD_LETTER_GROUPS)),
    groups: z
      .array(
        z.object({
          code: z.string().nullable(),
          model: z.string().nullable(),
          region: z.string().nullable(),
          endpoint: z.string().nullable(),
          open: count,
          poison: count,
          payloads: count.describe(
            'Different requests among them: few of them with many letters point at the requests.',
          ),
          oldest_at: z.iso.datetime(),
          newest_at: z.iso.datetime(),
        }),
      )
      .describe('Open dead letters, the largest group first. A field that is not grouped by is null.'),
  })
  .meta({ id: 'DeadLetterSummary' });
export type DeadLetterSummaryView = z.infer<typeof deadLetterSummarySchema>;

/** Answer of `POST /dead-letters/{job_id}/redrive`. */
export const redrivenSchema = z
  .object({
    job_id: z.uuid(),
    redriven_as: z.uuid().describe('The job that takes its place.'),
    already: z.boolean().describe('It had been redriven before, and that job has not failed.'),
  })
  .meta({ id: 'Redriven' });
export type RedrivenView = z.infer<typeof redrivenSchema>;

/** Answer of `POST /dead-letters/redrive`. */
export const redrivenManySchema = z
  .object({
    redriven: count,
    jobs: z.array(z.object({ job_id: z.uuid(), redriven_as: z.uuid() })),
    skipped: z.array(z.object({ job_id: z.uuid(), reason: z.enum(REDRIVE_SKIPS) })),
    skipped_by_reason: z
      .partialRecord(z.enum(REDRIVE_SKIPS), count)
      .describe('How many were passed over, by reason.'),
    more: z.boolean().describe('More match than were looked at.'),
  })
  .meta({ id: 'RedrivenMany' });
export type RedrivenManyView = z.infer<typeof redrivenManySchema>;

/** Answer of `POST /dead-letters/discard`. */
export const discardedManySchema = z
  .object({ discarded: count, more: z.boolean() })
  .meta({ id: 'DiscardedMany' });
export type DiscardedManyView = z.infer<typeof discardedManySchema>;

export type ReceivedDeadLetterList = z.infer<typeof receivedDeadLetterListSchema>;
export type ReceivedDeadLetterDetail = z.infer<typeof receivedDeadLetterDetailSchema>;
