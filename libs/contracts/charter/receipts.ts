import {
  CELL_STATES,
  GATE_STATUSES,
  JOB_STATES,
  QUESTION_ORDERS,
  REGION_POLICIES,
  REQUESTED_ORDERS,
  RUN_ORDERS,
  RUN_STATUSES,
} from '#domain';
import { z } from 'zod';

// A receipt as a customer is given it, signed as such. Region and model revision are attested and stay: research rests on
// them. Endpoints, GPUs, containers and the ids of calls upstream are left out.

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();
const count = z.int().min(0);
const pair = z.strictObject({ model: z.string(), region: z.string() });

const attempt = z.strictObject({
  attempt: z.int().min(1),
  region: z.string(),
  status: z.enum(['dispatched', 'running', 'succeeded', 'failed', 'cancelled', 'lost']),
  error_code: z.string().nullable(),
  started_at: time.nullable(),
  finished_at: time.nullable(),
  execution_ms: z.int().nullable(),
  reattached: z.boolean(),
});

const job = z.strictObject({
  job_id: z.uuid(),
  cell_attempt: z.int().min(1),
  state: z.enum(JOB_STATES),
  error_code: z.string().nullable(),
  answer_sha256: sha256.nullable(),
  answered_region: z.string().nullable(),
  seed: z.int().nullable(),
  attempts: z.array(attempt),
});

const cellName = {
  cell_no: z.int().min(1),
  question_id: z.string(),
  model: z.string(),
  region: z.string(),
  repeat: z.int().min(1),
};

export const charterReceiptCellSchema = z
  .strictObject({
    ...cellName,
    status: z.enum(CELL_STATES),
    job_id: z.uuid().nullable(),
    answer_sha256: sha256.nullable(),
    answered_region: z.string().nullable(),
    substituted: z.boolean(),
    inference_time: z.number().nullable(),
    tokens_generated: z.int().nullable(),
    model_revision: z.string().nullable(),
    cold_start: z.boolean().nullable(),
    error_code: z.string().nullable(),
    finished_at: time.nullable(),
    attempts_counted: count,
    seed: z.int().nullable(),
    asked_at: time.nullable(),
    erased: z.boolean().describe('The answer has been erased since: only its hash is left.'),
    jobs: z.array(job),
  })
  .meta({ id: 'ReceiptCellCharter' });
export type CharterReceiptCell = z.input<typeof charterReceiptCellSchema>;

export const charterReceiptStraySchema = z
  .strictObject({
    cell_no: z.int().min(1),
    job_id: z.uuid(),
    attempt: z.int(),
    kind: z.string(),
    error_code: z.string().nullable(),
    execution_ms: z.int(),
    received_at: time,
  })
  .meta({ id: 'ReceiptStrayCharter' });

const turn = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('run.paused'), at: time }),
  z.strictObject({ type: z.literal('run.resumed'), at: time }),
  z.strictObject({
    type: z.literal('run.reopened'),
    at: time,
    reason: z.enum(['retry_failed', 'extended']),
    cells: count,
  }),
]);

/** What stands beside the lists of cells, questions, missing answers and substitutes. */
export const charterReceiptFrameSchema = z.strictObject({
  version: z.literal(1),
  face: z.literal('charter'),
  issued_at: time,
  ended: z.boolean(),
  run: z.strictObject({
    run_id: z.uuid(),
    name: z.string(),
    status: z.enum(RUN_STATUSES),
    models: z.array(z.string()),
    regions: z.array(z.string()),
    pairs: z.array(pair),
    unavailable: z.array(pair),
    repeats: z.int().min(1),
    region_policy: z.enum(REGION_POLICIES),
    order: z.enum(RUN_ORDERS),
    requested_order: z.enum(REQUESTED_ORDERS),
    parameters: z.strictObject({
      temperature: z.number(),
      max_tokens: z.int(),
      seed: z.int().nullable(),
      question_order: z.enum(QUESTION_ORDERS),
    }),
    max_skew_s: z.number().nullable(),
    budget: z.strictObject({ usd: z.number().nullable(), gpu_seconds: z.number().nullable() }).nullable(),
    history: z.array(turn),
    total_cells: count,
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
  }),
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
});

const regionCounts = z.strictObject({
  cells: count,
  answered: count,
  substituted: count,
  missing: count,
});
const receipt = z.strictObject({
  ...charterReceiptFrameSchema.shape,
  questions: z.array(
    z.strictObject({
      question_id: z.string(),
      erased: z.boolean(),
      text_sha256: sha256,
      prompts: z.record(
        z.string(),
        z.strictObject({ system_sha256: sha256.nullable(), prompt_sha256: sha256 }),
      ),
    }),
  ),
  cells: z.array(charterReceiptCellSchema),
  counts: z.strictObject({
    cells: count,
    answered: count,
    substituted: count,
    missing: count,
    failed: count,
    cancelled: count,
    submitted: count,
    pending: count,
    by_region: z.record(z.string(), regionCounts),
    jobs: count,
    attempts: count,
    answers_not_taken: count,
    stray_outcomes: count,
  }),
  missing: z.array(z.strictObject({ ...cellName, status: z.enum(CELL_STATES), reason: z.string() })),
  substitutes: z.array(z.strictObject({ ...cellName, answered_region: z.string() })),
  stray_outcomes: z.array(charterReceiptStraySchema),
});

/** Answer of `GET /runs/{id}/receipt` to a customer. */
export const charterSignedReceiptSchema = z
  .strictObject({
    receipt,
    signature: z.strictObject({
      algorithm: z.string(),
      key_id: z.string(),
      public_key: z.string(),
      value: z.string(),
    }),
  })
  .meta({ id: 'SignedReceiptCharter' });
