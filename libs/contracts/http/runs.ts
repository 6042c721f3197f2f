import {
  GATE_STATUSES,
  CELL_STATES,
  QUESTION_ORDERS,
  REGION_POLICIES,
  REQUESTED_ORDERS,
  RUN_ORDERS,
  RUN_STATUSES,
} from '#domain';
import { z } from 'zod';
import {
  DEFAULT_REQUEST_LIMITS,
  seedSchema,
  storableText,
  type RequestLimits,
  webhookUrlSchema,
} from './inference.js';
import { orderPlanSchema } from './order-plan.js';
import { webhookSummarySchema } from './run-webhooks.js';
import { DEADLINE_S_MAX, runBudgetRequestSchema, runBudgetViewSchema } from './run-budget.js';

export const QUESTIONS_MAX = 10_000;
export const REPEATS_MAX = 1000;
export const GATE_EXPIRES_IN_S = 604_800;
export const GATE_EXPIRES_IN_S_MAX = 31_536_000;
const NAMES_MAX = 100;

const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-" only');

/** Body of `POST /runs`. What needs the configuration (models, regions, bank) is checked by the router. */
export function runRequestSchema(limits: RequestLimits = DEFAULT_REQUEST_LIMITS) {
  const text = storableText.refine(
    (value) => Buffer.byteLength(value) <= limits.promptBytes,
    `must be at most ${limits.promptBytes} bytes of UTF-8`,
  );
  const question = z.strictObject({
    id: identifier,
    text: text.min(1),
    system: z
      .union([text, z.record(z.string().max(64), text)])
      .optional()
      .describe('One for all regions, or one per region.'),
  });
  const gate = z.strictObject({
    after_question: identifier,
    expires_in_s: z
      .int()
      .min(1)
      .max(GATE_EXPIRES_IN_S_MAX)
      .default(GATE_EXPIRES_IN_S)
      .describe('Counted from the moment the run stands before the gate.'),
  });
  return z
    .strictObject({
      name: storableText.max(200).default(''),
      questions: z
        .array(z.union([identifier, question]))
        .min(1)
        .max(QUESTIONS_MAX)
        .describe('A string is the id of a question in the question bank.'),
      models: z.array(z.string().min(1).max(64)).min(1).max(NAMES_MAX),
      regions: z.array(z.string().min(1).max(64)).min(1).max(NAMES_MAX),
      repeats: z.int().min(1).max(REPEATS_MAX).default(1),
      order: z.enum(REQUESTED_ORDERS).default('auto'),
      region_policy: z.enum(REGION_POLICIES).default('pin'),
      system_prompts: z
        .record(z.string().max(64), text)
        .default({})
        .describe("By region; goes before a question's own system prompt."),
      gates: z.array(gate).max(NAMES_MAX).default([]),
      max_skew_s: z
        .number()
        .positive()
        .max(DEADLINE_S_MAX)
        .optional()
        .describe('Has the regions asked one question together.'),
      budget: runBudgetRequestSchema.optional(),
      deadline_s: z
        .number()
        .positive()
        .max(DEADLINE_S_MAX)
        .optional()
        .describe('For the choice of the order; nothing ends a run that is late.'),
      temperature: z.number().min(0).max(2).default(0.1),
      max_tokens: z.int().min(1).max(limits.maxTokens).default(512),
      webhook_url: webhookUrlSchema.optional(),
      seed: seedSchema.optional().describe("Each cell's sampling seed follows from it."),
      question_order: z
        .enum(QUESTION_ORDERS)
        .optional()
        .describe(
          'Left out: as given. No default is filled in: a body must go on to mean what its Idempotency-Key was used with.',
        ),
    })
    .meta({ id: 'RunRequest' });
}
export type RunRequest = z.infer<ReturnType<typeof runRequestSchema>>;

export const runPairSchema = z.object({ model: z.string(), region: z.string() }).meta({ id: 'RunPair' });

export const runPlanSchema = z
  .object({
    order: z.enum(RUN_ORDERS),
    requested_order: z.enum(REQUESTED_ORDERS),
    reason: z.string(),
    cells_per_endpoint: z
      .record(z.string(), z.int())
      .describe('By endpoint id; where several serve a pair, its cells are taken to be shared evenly.'),
    estimated_makespan_seconds: z.number().nullable(),
    estimated_cost_usd: z
      .number()
      .nullable()
      .optional()
      .describe(
        'GPU cost of the order in US dollars, idle tails included; null while times or a price are not known.',
      ),
    orders: z
      .array(orderPlanSchema)
      .optional()
      .describe(
        'As `POST /runs/plan` answers when the run is submitted; absent in runs from before there were plans.',
      ),
    assumed_times: z
      .boolean()
      .optional()
      .describe('Whether any time in `orders` was assumed, because nothing had been learned.'),
  })
  .meta({ id: 'RunPlan' });
export type RunPlanView = z.infer<typeof runPlanSchema>;

/** Answer of `POST /runs`. */
export const runCreatedSchema = z
  .object({
    run_id: z.uuid(),
    status: z.enum(RUN_STATUSES),
    total_cells: z.int(),
    unavailable: z.array(runPairSchema),
    plan: runPlanSchema,
    warnings: z.array(z.string()).describe('What was asked for and is not done.'),
  })
  .meta({ id: 'RunCreated' });
export type RunCreatedView = z.infer<typeof runCreatedSchema>;

export const cellCountsSchema = z
  .object({
    done: z.int().describe('Closed cells: accepted, failed or cancelled.'),
    total: z.int(),
    accepted: z.int(),
    failed: z.int(),
    running: z.int().describe("In the router's hands: waiting there or being executed."),
  })
  .meta({ id: 'CellCounts' });
/** `accepted` counts the region's own answers only; `substituted` those another region gave in its place. */
export const regionCountsSchema = cellCountsSchema
  .extend({ substituted: z.int() })
  .meta({ id: 'RegionCounts' });
export type CellCountsView = z.infer<typeof cellCountsSchema>;
export type RegionCountsView = z.infer<typeof regionCountsSchema>;

export const gateViewSchema = z
  .object({
    gate_id: z.string(),
    after_question: z.string(),
    status: z.enum(GATE_STATUSES),
    expires_in_s: z.int(),
    waiting_since: z.iso.datetime().nullable(),
    expires_at: z.iso.datetime().nullable(),
    decided_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Gate' });
export type GateView = z.infer<typeof gateViewSchema>;

export const runTotalsSchema = z
  .object({
    total: z.int(),
    accepted: z.int().describe('Cells that have their answer; the substituted ones are among them.'),
    substituted: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    running: z.int().describe("In the router's hands: waiting there or being executed."),
    pending: z.int(),
  })
  .meta({ id: 'RunTotals' });
export type RunTotalsView = z.infer<typeof runTotalsSchema>;

export const runSummarySchema = z
  .object({
    run_id: z.uuid(),
    name: z.string(),
    status: z.enum(RUN_STATUSES),
    cancelling: z.boolean().describe('A cancellation was asked for and is being carried out.'),
    order: z.enum(RUN_ORDERS),
    total_cells: z.int(),
    progress: runTotalsSchema,
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'RunSummary' });
export type RunSummaryView = z.infer<typeof runSummarySchema>;

/** Answer of `GET /runs/{id}`. */
export const runViewSchema = runSummarySchema
  .extend({
    models: z.array(z.string()),
    regions: z.array(z.string()),
    repeats: z.int(),
    region_policy: z.enum(REGION_POLICIES),
    seed: z.int().nullable().describe('null: endpoints draw their own.'),
    question_order: z
      .enum(QUESTION_ORDERS)
      .describe('`progress.by_question` lists the questions in the order in which they are asked.'),
    progress: runTotalsSchema.extend({
      by_question: z.array(
        cellCountsSchema.extend({
          question_id: z.string(),
          skew_s: z
            .number()
            .nullable()
            .describe(
              'How far apart the answering calls of its regions began; null: not bounded, or nothing to compare yet.',
            ),
          skew_exceeded: z
            .boolean()
            .describe('`skew_s` is above `max_skew_s`; its answers are kept all the same.'),
        }),
      ),
      by_region: z.record(z.string(), regionCountsSchema),
      by_model: z.record(z.string(), regionCountsSchema),
      by_pair: z.array(regionCountsSchema.extend({ model: z.string(), region: z.string() })),
    }),
    eta_seconds: z.number().nullable(),
    max_skew_s: z.number().nullable().describe('null: not bounded.'),
    worst_skew_s: z.number().nullable(),
    skew_kept: z
      .boolean()
      .nullable()
      .describe(
        'Whether `worst_skew_s` is within the bound, so far; null: not bounded, or nothing to judge yet.',
      ),
    budget: runBudgetViewSchema,
    gates: z.array(gateViewSchema),
    unavailable: z.array(runPairSchema),
    plan: runPlanSchema,
    webhooks: webhookSummarySchema.nullable().describe('null: the run has no `webhook_url`.'),
  })
  .meta({ id: 'Run' });
export type RunView = z.infer<typeof runViewSchema>;

/** Answer of `GET /runs`. */
export const runListSchema = z
  .object({
    runs: z.array(runSummarySchema),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'RunList' });
export type RunListView = z.infer<typeof runListSchema>;

export const runListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'is not a cursor of this list')
    .optional(),
});

export const RESULT_FORMATS = ['json', 'jsonl', 'csv'] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];
export const runResultsQuerySchema = z.strictObject({ format: z.enum(RESULT_FORMATS).default('json') });

/** One row of `GET /runs/{id}/results`. */
export const cellResultSchema = z
  .object({
    question_id: z.string(),
    model: z.string(),
    region: z.string(),
    repeat: z.int(),
    status: z.enum(CELL_STATES),
    response: z.string().nullable(),
    answered_region: z.string().nullable(),
    substituted: z.boolean(),
    endpoint_id: z.string().nullable(),
    job_id: z.uuid().nullable(),
    attempts: z.int(),
    inference_time: z.number().nullable(),
    tokens_generated: z.int().nullable(),
    error_code: z.string().nullable(),
    accepted_at: z.iso.datetime().nullable(),
    model_revision: z.string().nullable().describe('As the endpoint attested it with the answer.'),
    temperature: z.number(),
    max_tokens: z.int(),
    prompt_sha256: z
      .string()
      .describe("SHA-256 of the canonical JSON (RFC 8785) of the messages that make up the cell's prompt."),
    seed: z.int().nullable().describe('That was sent with the prompt; null: the run has none.'),
    asked_at: z.iso
      .datetime()
      .nullable()
      .describe(
        'When the call began that gave the answer; null: there is none, or it is from before this was kept.',
      ),
    erased: z
      .boolean()
      .default(false)
      .describe('The cell was answered, and its answer has been erased: `response` is null.'),
  })
  .meta({ id: 'CellResult' });
export type CellResultView = z.infer<typeof cellResultSchema>;

/** Answer of `GET /runs/{id}/results` in JSON. */
export const runResultsSchema = z
  .object({ run_id: z.uuid(), status: z.enum(RUN_STATUSES), results: z.array(cellResultSchema) })
  .meta({ id: 'RunResults' });

/** Answer of `POST /runs/{id}/cancel`. */
export const runCancelSchema = z
  .object({
    run_id: z.uuid(),
    status: z.enum(RUN_STATUSES),
    cancelling: z.literal(true),
  })
  .meta({ id: 'RunCancel' });
export type RunCancelView = z.infer<typeof runCancelSchema>;

/** Answer of `POST /runs/{id}/gates/{gate}/approve|reject`. */
export const gateDecidedSchema = z
  .object({
    run_id: z.uuid(),
    gate_id: z.string(),
    status: z.enum(['approved', 'rejected']),
  })
  .meta({ id: 'GateDecided' });
export type GateDecidedView = z.infer<typeof gateDecidedSchema>;
