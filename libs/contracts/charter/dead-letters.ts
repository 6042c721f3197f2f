import { DEAD_LETTER_STATES, REDRIVE_SKIPS } from '#domain';
import { z } from 'zod';

// What customers see of jobs that failed for good: neither endpoints nor what the upstream said, and of tasks not the model.

const time = z.iso.datetime();
const count = z.int().min(0);

const letter = {
  job_id: z.uuid(),
  task_id: z.string().nullable().describe("null: it is no task's."),
  tenant: z.string(),
  code: z.string(),
  message: z.string().describe("The catalogue's own sentence."),
  model: z.string().nullable().describe("null: a task's, which go by their type."),
  region: z.string(),
  task_type: z.string().nullable(),
  run_id: z.uuid().nullable(),
  attempt_count: z.int(),
  poison: z.boolean(),
  payload_sha256: z.string().nullable().describe("null: erased, or a task's, whose model it would tell."),
  state: z.enum(DEAD_LETTER_STATES),
  redriven_as: z.uuid().nullable(),
  redriven_from: z.uuid().nullable(),
  resolved_at: time.nullable(),
  reason: z.string().nullable(),
  failed_at: time,
  erased_at: time.nullable(),
};
export const charterDeadLetterSchema = z.strictObject(letter).meta({ id: 'DeadLetterCharter' });

export const charterDeadLetterListSchema = z
  .strictObject({
    dead_letters: z.array(charterDeadLetterSchema),
    next_cursor: z.string().nullable(),
    counts: z.strictObject({ open: count, redriven: count, discarded: count, poison: count }),
  })
  .meta({ id: 'DeadLetterListCharter' });

export const charterDeadLetterDetailSchema = z
  .strictObject({
    ...letter,
    attempts: z.array(
      z.strictObject({
        attempt: z.int(),
        region: z.string(),
        status: z.string(),
        error_code: z.string().nullable(),
        execution_ms: z.int().nullable(),
        started_at: time.nullable(),
        finished_at: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'DeadLetterDetailCharter' });

export const charterDeadLetterSummarySchema = z
  .strictObject({
    group_by: z.array(z.enum(['code', 'model', 'region'])),
    groups: z.array(
      z.strictObject({
        code: z.string().nullable(),
        model: z.string().nullable().describe("null: tasks', or it is not grouped by."),
        region: z.string().nullable(),
        open: count,
        poison: count,
        payloads: count,
        oldest_at: time,
        newest_at: time,
      }),
    ),
  })
  .meta({ id: 'DeadLetterSummaryCharter' });

export const charterRedrivenSchema = z
  .strictObject({
    job_id: z.uuid(),
    redriven_as: z.uuid(),
    already: z.boolean(),
  })
  .meta({ id: 'RedrivenCharter' });

export const charterRedrivenManySchema = z
  .strictObject({
    redriven: count,
    jobs: z.array(z.strictObject({ job_id: z.uuid(), redriven_as: z.uuid() })),
    skipped: z.array(z.strictObject({ job_id: z.uuid(), reason: z.enum(REDRIVE_SKIPS) })),
    skipped_by_reason: z.record(z.string(), count),
    more: z.boolean(),
  })
  .meta({ id: 'RedrivenManyCharter' });

export const charterDiscardedManySchema = z
  .strictObject({ discarded: count, more: z.boolean() })
  .meta({ id: 'DiscardedManyCharter' });
