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

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hexadecimal');
const time = z.iso.datetime();
const count = z.int().min(0);
const pair = z.object({ model: z.string(), region: z.string() });

// A customer is given a receipt without endpoints, GPUs, containers and calls upstream (`face` is "charter"): such members
// may be absent.

/** One execution of a job. */
export const receiptAttemptSchema = z
  .object({
    attempt: z.int().min(1),
    endpoint_id: z.string().optional(),
    region: z.string(),
    status: z.enum(['dispatched', 'running', 'succeeded', 'failed', 'cancelled', 'lost']),
    error_code: z.string().nullable(),
    started_at: time.nullable(),
    finished_at: time.nullable(),
    execution_ms: z.int().nullable(),
    upstream_call_id: z.string().nullable().optional(),
    reattached: z
      .boolean()
      .describe('The call had been begun before a crash and was found again; it was paid for once.'),
  })
  .meta({ id: 'ReceiptAttempt' });

/** One job of a cell: the first, or one that was made after a job without an answer. */
export const receiptJobSchema = z
  .object({
    job_id: z.uuid(),
    cell_attempt: z.int().min(1),
    state: z.enum(JOB_STATES),
    error_code: z.string().nullable(),
    answer_sha256: sha256.nullable(),
    answered_region: z.string().nullable(),
    seed: z.int().nullable().optional().describe('The sampling seed its calls were made with.'),
    attempts: z.array(receiptAttemptSchema),
  })
  .meta({ id: 'ReceiptJob' });

const cellName = z.object({
  cell_no: z.int().min(1),
  question_id: z.string(),
  model: z.string(),
  region: z.string(),
  repeat: z.int().min(1),
});

export const receiptCellSchema = cellName
  .extend({
    status: z.enum(CELL_STATES),
    job_id: z
      .uuid()
      .nullable()
      .describe('The job whose answer was accepted; while there is none, the latest.'),
    answer_sha256: sha256.nullable().describe("Of the answer's UTF-8 bytes."),
    answered_region: z.string().nullable(),
    substituted: z.boolean().describe("Another region's answer in this one's place."),
    endpoint_id: z.string().nullable().optional(),
    inference_time: z.number().nullable(),
    tokens_in: z.int().nullable().optional(),
    tokens_generated: z.int().nullable(),
    // What the endpoint attested with the answer.
    model_revision: z.string().nullable(),
    gpu: z.string().nullable().optional(),
    container_id: z.string().nullable().optional(),
    cold_start: z.boolean().nullable(),
    error_code: z.string().nullable(),
    finished_at: time.nullable(),
    attempts_counted: count.describe(
      'Executions as the runner counted them when each job ended; the list must show as many.',
    ),
    seed: z
      .int()
      .nullable()
      .optional()
      .describe(
        'The sampling seed; follows from that of the run. Absent in receipts from before there were seeds.',
      ),
    asked_at: time
      .nullable()
      .optional()
      .describe(
        'When the call began that gave the answer; null: there is none, or it is from before this was kept. Absent in receipts from before then.',
      ),
    erased: z
      .boolean()
      .optional()
      .describe(
        'The answer has been erased since: only its hash is left. Absent in receipts from before that was possible.',
      ),
    jobs: z.array(receiptJobSchema),
  })
  .meta({ id: 'ReceiptCell' });
export type ReceiptCell = z.infer<typeof receiptCellSchema>;

export const receiptRegionCountsSchema = z
  .object({
    cells: count,
    answered: count.describe('By the region itself; substitutes are counted apart.'),
    substituted: count,
    missing: count,
  })
  .meta({ id: 'ReceiptRegionCounts' });

export const receiptCountsSchema = z
  .object({
    cells: count,
    answered: count.describe('By the regions themselves; substitutes are counted apart.'),
    substituted: count,
    missing: count.describe('The four states without an answer together.'),
    failed: count,
    cancelled: count,
    submitted: count,
    pending: count,
    by_region: z.record(z.string(), receiptRegionCountsSchema),
    jobs: count,
    attempts: count,
    answers_not_taken: count.describe('Jobs that were answered, but no cell has, or has yet, their answer.'),
    stray_outcomes: count,
  })
  .meta({ id: 'ReceiptCounts' });
export type ReceiptCounts = z.infer<typeof receiptCountsSchema>;

export const receiptQuestionSchema = z
  .object({
    question_id: z.string(),
    text_sha256: sha256,
    erased: z
      .boolean()
      .optional()
      .describe(
        'The text has been erased since: only hashes are left. Absent in receipts from before that was possible.',
      ),
    prompts: z
      .record(
        z.string(),
        z.object({
          system_sha256: sha256.nullable().describe('Of the system prompt; null: there is none.'),
          prompt_sha256: sha256.describe('Of the canonical JSON of all messages that were sent.'),
        }),
      )
      .describe('By region.'),
  })
  .meta({ id: 'ReceiptQuestion' });
export type ReceiptQuestion = z.infer<typeof receiptQuestionSchema>;

export const receiptGateSchema = z
  .object({
    gate_id: z.string(),
    after_question: z.string(),
    status: z.enum(GATE_STATUSES),
    expires_in_s: z.int(),
    waiting_since: time.nullable(),
    expires_at: time.nullable(),
    decided_at: time.nullable(),
  })
  .meta({ id: 'ReceiptGate' });

export const receiptMissingSchema = cellName
  .extend({
    status: z.enum(CELL_STATES),
    reason: z
      .string()
      .min(1)
      .describe('An error code, or why nothing was asked: `NOT_ASKED`, `BEING_ASKED`, `RUN_CANCELLED`, ...'),
  })
  .meta({ id: 'ReceiptMissing' });
export type ReceiptMissing = z.infer<typeof receiptMissingSchema>;

export const receiptSubstituteSchema = cellName
  .extend({ answered_region: z.string() })
  .meta({ id: 'ReceiptSubstitute' });
export type ReceiptSubstitute = z.infer<typeof receiptSubstituteSchema>;

/** A call that was made and paid for, and whose outcome changed nothing. */
export const receiptStraySchema = z
  .object({
    cell_no: z.int().min(1),
    job_id: z.uuid(),
    attempt: z.int(),
    endpoint_id: z.string().optional(),
    kind: z.string(),
    error_code: z.string().nullable(),
    execution_ms: z.int(),
    received_at: time,
  })
  .meta({ id: 'ReceiptStray' });
export type ReceiptStray = z.infer<typeof receiptStraySchema>;

/** People stopped the run, let it go on, or opened it again after its end. */
export const runTurnSchema = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('run.paused'), at: time }),
    z.object({ type: z.literal('run.resumed'), at: time }),
    z.object({
      type: z.literal('run.reopened'),
      at: time,
      reason: z.enum(['retry_failed', 'extended']),
      cells: count.describe('That were asked again, or added.'),
    }),
  ])
  .meta({ id: 'RunTurn' });

export const receiptRunSchema = z
  .object({
    run_id: z.uuid(),
    name: z.string(),
    status: z.enum(RUN_STATUSES),
    models: z.array(z.string()),
    regions: z.array(z.string()),
    pairs: z.array(pair).describe('Those that have cells.'),
    unavailable: z.array(pair).describe('Asked for, but served nowhere: they have no cells.'),
    repeats: z.int().min(1),
    region_policy: z.enum(REGION_POLICIES),
    order: z.enum(RUN_ORDERS),
    requested_order: z.enum(REQUESTED_ORDERS),
    parameters: z.object({
      temperature: z.number(),
      max_tokens: z.int(),
      seed: z.int().nullable().optional(),
      question_order: z
        .enum(QUESTION_ORDERS)
        .optional()
        .describe('`questions` lists them as they were asked.'),
    }),
    // What bounds the run, and what was done to it. Absent in receipts from before they were listed.
    max_skew_s: z
      .number()
      .positive()
      .nullable()
      .optional()
      .describe('null: the regions were not kept together.'),
    budget: z
      .object({ usd: z.number().positive().nullable(), gpu_seconds: z.number().positive().nullable() })
      .nullable()
      .optional()
      .describe('As it was last raised; null: none.'),
    history: z.array(runTurnSchema).optional().describe('In the order in which it happened.'),
    total_cells: count,
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
  })
  .meta({ id: 'ReceiptRun' });

/** What is signed. */
export const receiptSchema = z
  .object({
    version: z.literal(1),
    face: z.literal('charter').optional().describe('Absent: nothing was left out.'),
    issued_at: time,
    ended: z
      .boolean()
      .describe('false: the run went on when this was issued, and this is what it had until then.'),
    run: receiptRunSchema,
    questions: z.array(receiptQuestionSchema),
    gates: z.array(receiptGateSchema),
    cells: z.array(receiptCellSchema),
    counts: receiptCountsSchema,
    missing: z.array(receiptMissingSchema),
    substitutes: z.array(receiptSubstituteSchema),
    stray_outcomes: z.array(receiptStraySchema),
  })
  .meta({ id: 'Receipt' });
export type Receipt = z.infer<typeof receiptSchema>;

export const SIGNATURE_ALGORITHM = 'Ed25519';

export const receiptSignatureSchema = z
  .object({
    algorithm: z.literal(SIGNATURE_ALGORITHM),
    key_id: z.string(),
    public_key: z.string().describe('Base64 of the DER SubjectPublicKeyInfo: the body of a PEM file.'),
    value: z.string().describe("Base64 of the signature of the receipt's canonical bytes."),
  })
  .meta({ id: 'ReceiptSignature' });
export type ReceiptSignature = z.infer<typeof receiptSignatureSchema>;

/** Answer of `GET /runs/{id}/receipt`, in canonical form (RFC 8785) as a whole. */
export const signedReceiptSchema = z
  .object({ receipt: receiptSchema, signature: receiptSignatureSchema })
  .meta({ id: 'SignedReceipt' });
export type SignedReceipt = z.infer<typeof signedReceiptSchema>;

/** Answer of `GET /receipts/key`. */
export const receiptKeySchema = z
  .object({
    algorithm: z.literal(SIGNATURE_ALGORITHM),
    key_id: z.string(),
    public_key: z.string(),
    created_at: time,
    retired: z
      .array(z.object({ key_id: z.string(), public_key: z.string(), created_at: time, retired_at: time }))
      .describe('Older keys: receipts they signed stay valid.'),
  })
  .meta({ id: 'ReceiptKey' });
export type ReceiptKeyView = z.infer<typeof receiptKeySchema>;
