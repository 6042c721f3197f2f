import {
  CELL_STATES,
  GATE_STATUSES,
  QUESTION_ORDERS,
  REGION_POLICIES,
  RUN_ORDERS,
  RUN_STATUSES,
  WEBHOOK_FAILURE_CODES,
} from '#domain';
import { z } from 'zod';
import { charterRunPlanSchema } from './plans.js';

const time = z.iso.datetime();
const pair = z.strictObject({ model: z.string(), region: z.string() });
const status = z.enum(RUN_STATUSES);

export const charterRunCreatedSchema = z
  .strictObject({
    run_id: z.uuid(),
    status,
    total_cells: z.int(),
    unavailable: z.array(pair),
    plan: charterRunPlanSchema,
    warnings: z.array(z.string()),
  })
  .meta({ id: 'RunCreatedCharter' });

const counts = {
  done: z.int(),
  total: z.int(),
  accepted: z.int(),
  failed: z.int(),
  running: z.int(),
};
const regionCounts = z.strictObject({ ...counts, substituted: z.int() });

const totals = {
  total: z.int(),
  accepted: z.int(),
  substituted: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  running: z.int(),
  pending: z.int(),
};
const progress = {
  ...totals,
  by_question: z.array(
    z.strictObject({
      ...counts,
      question_id: z.string(),
      skew_s: z.number().nullable(),
      skew_exceeded: z.boolean(),
    }),
  ),
  by_region: z.record(z.string(), regionCounts),
  by_model: z.record(z.string(), regionCounts),
};
/** In events: without the pairs. */
export const charterProgressSchema = z.strictObject(progress);

const summary = {
  run_id: z.uuid(),
  name: z.string(),
  status,
  cancelling: z.boolean(),
  order: z.enum(RUN_ORDERS),
  total_cells: z.int(),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
};

export const charterRunListSchema = z
  .strictObject({
    runs: z.array(z.strictObject({ ...summary, progress: z.strictObject(totals) })),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'RunListCharter' });

export const charterRunSchema = z
  .strictObject({
    ...summary,
    models: z.array(z.string()),
    regions: z.array(z.string()),
    repeats: z.int(),
    region_policy: z.enum(REGION_POLICIES),
    seed: z.int().nullable(),
    question_order: z.enum(QUESTION_ORDERS),
    progress: z.strictObject({
      ...progress,
      by_pair: z.array(z.strictObject({ ...regionCounts.shape, model: z.string(), region: z.string() })),
    }),
    eta_seconds: z.number().nullable(),
    max_skew_s: z.number().nullable(),
    worst_skew_s: z.number().nullable(),
    skew_kept: z.boolean().nullable(),
    budget: z
      .strictObject({
        usd: z.number().nullable(),
        gpu_seconds: z.number().nullable(),
        spent_usd: z.number().nullable(),
        spent_gpu_seconds: z.number(),
        committed_usd: z.number().nullable(),
        committed_gpu_seconds: z.number(),
      })
      .describe(
        "`usd` and `gpu_seconds` are the run's own bounds; what is spent in money is null for whoever is not shown it.",
      ),
    gates: z.array(
      z.strictObject({
        gate_id: z.string(),
        after_question: z.string(),
        status: z.enum(GATE_STATUSES),
        expires_in_s: z.int(),
        waiting_since: time.nullable(),
        expires_at: time.nullable(),
        decided_at: time.nullable(),
      }),
    ),
    unavailable: z.array(pair),
    plan: charterRunPlanSchema,
    webhooks: z
      .strictObject({
        pending: z.int(),
        delivered: z.int(),
        failed: z.int(),
        last_error_code: z.enum(WEBHOOK_FAILURE_CODES).nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'RunCharter' });

export const charterResultRowSchema = z
  .strictObject({
    question_id: z.string(),
    model: z.string(),
    region: z.string(),
    repeat: z.int(),
    status: z.enum(CELL_STATES),
    response: z.string().nullable(),
    answered_region: z.string().nullable(),
    substituted: z.boolean(),
    job_id: z.uuid().nullable(),
    attempts: z.int(),
    inference_time: z.number().nullable(),
    tokens_generated: z.int().nullable(),
    error_code: z.string().nullable(),
    accepted_at: time.nullable(),
    model_revision: z.string().nullable(),
    temperature: z.number(),
    max_tokens: z.int(),
    prompt_sha256: z.string(),
    seed: z.int().nullable(),
    asked_at: time.nullable(),
    erased: z.boolean(),
  })
  .meta({ id: 'CellResultCharter' });

export const charterRunResultsSchema = z
  .strictObject({ run_id: z.uuid(), status, results: z.array(charterResultRowSchema) })
  .meta({ id: 'RunResultsCharter' });

const side = z.strictObject({ model: z.string(), region: z.string() });
export const charterComparisonSchema = z
  .strictObject({
    run_id: z.uuid(),
    status,
    question_id: z.string(),
    question: z.string(),
    question_erased: z.boolean(),
    repeat: z.int(),
    repeats: z.int(),
    answers: z.array(
      z.strictObject({
        model: z.string(),
        region: z.string(),
        status: z.enum(CELL_STATES),
        response: z.string().nullable(),
        answered_region: z.string().nullable(),
        substituted: z.boolean(),
        error_code: z.string().nullable(),
        characters: z.int().nullable(),
        words: z.int().nullable(),
        refusal: z.boolean().nullable(),
        refusal_phrase: z.string().nullable(),
        erased: z.boolean(),
      }),
    ),
    similarities: z.array(
      z.strictObject({ left: side, right: side, substituted: z.boolean(), similarity: z.number() }),
    ),
    next_cursor: z.int().nullable(),
    next_question: z.string().nullable(),
  })
  .meta({ id: 'ComparisonCharter' });

export const charterRunCancelSchema = z
  .strictObject({
    run_id: z.uuid(),
    status,
    cancelling: z.literal(true),
  })
  .meta({ id: 'RunCancelCharter' });
export const charterRunStateSchema = z
  .strictObject({ run_id: z.uuid(), status })
  .meta({ id: 'RunStateCharter' });
export const charterRunRetrySchema = z
  .strictObject({ run_id: z.uuid(), status, retried_cells: z.int() })
  .meta({ id: 'RunRetryCharter' });
export const charterRunExtendSchema = z
  .strictObject({
    run_id: z.uuid(),
    status,
    repeats: z.int(),
    total_cells: z.int(),
    added_cells: z.int(),
  })
  .meta({ id: 'RunExtendCharter' });
export const charterGateDecidedSchema = z
  .strictObject({
    run_id: z.uuid(),
    gate_id: z.string(),
    status: z.enum(['approved', 'rejected']),
  })
  .meta({ id: 'GateDecidedCharter' });
