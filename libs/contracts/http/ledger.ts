import { CALL_OUTCOMES, LEDGER_KINDS } from '#domain';
import { z } from 'zod';

export const LEDGER_FORMATS = ['json', 'jsonl', 'csv'] as const;
export const LEDGER_ORDERS = ['asc', 'desc'] as const;
export type LedgerFormat = (typeof LEDGER_FORMATS)[number];

/** What entries may be summed by. */
export const LEDGER_SUMMARY_GROUPS = [
  'run',
  'job',
  'model',
  'region',
  'day',
  'key',
  'task_type',
  'tenant',
  'endpoint',
  'provider',
  'outcome',
] as const;
export type LedgerSummaryGroup = (typeof LEDGER_SUMMARY_GROUPS)[number];

const LEDGER_PAGE_MAX = 1000;
const SUMMARY_GROUPS_MAX = 10_000;
const name = z.string().min(1).max(256);
const time = z.iso.datetime({ offset: true });
const numeral = (most: number, fallback: number) =>
  z
    .string()
    .regex(/^[0-9]{1,6}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(most))
    .default(fallback);

const filters = {
  run_id: z.uuid().optional(),
  job_id: z.uuid().optional(),
  tenant: name.optional(),
  key_id: name.optional(),
  model: name.optional(),
  region: name.optional(),
  endpoint_id: name.optional(),
  task_type: name.optional(),
  outcome: z.enum(CALL_OUTCOMES).optional(),
  kind: z.enum(LEDGER_KINDS).optional(),
  from: time.optional().describe('Entries that ended at this time or later,'),
  to: time.optional().describe('and before this one.'),
};

export const ledgerQuerySchema = z.strictObject({
  ...filters,
  order: z
    .enum(LEDGER_ORDERS)
    .default('asc')
    .describe('asc: in the order in which they were written; desc: the latest first.'),
  format: z.enum(LEDGER_FORMATS).default('json'),
  limit: numeral(LEDGER_PAGE_MAX, 200),
  cursor: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'is not a cursor')
    .optional(),
});
export type LedgerQuery = z.infer<typeof ledgerQuerySchema>;

export const ledgerSummaryQuerySchema = z.strictObject({
  ...filters,
  group_by: z.enum(LEDGER_SUMMARY_GROUPS).default('day'),
  limit: numeral(SUMMARY_GROUPS_MAX, 1000),
});

/** A whole number of micro-dollars, and the same in dollars, exactly. */
const microUsd = z.int();
const usd = z.string().regex(/^-?\d+\.\d{6}$/);

export const ledgerEntrySchema = z
  .object({
    entry_no: z.string(),
    kind: z.enum(LEDGER_KINDS),
    began_at: z.iso.datetime(),
    at: z.iso.datetime(),
    recorded_at: z.iso.datetime(),
    call_id: z.uuid(),
    job_id: z.uuid(),
    attempt: z.int(),
    epoch: z.int(),
    call_no: z.int(),
    run_id: z.uuid().nullable(),
    tenant: z.string(),
    key_id: z.string().nullable(),
    task_type: z.string().nullable(),
    model: z.string(),
    region: z.string(),
    endpoint_id: z.string(),
    provider: z.string(),
    gpu: z.string().nullable(),
    outcome: z.enum(CALL_OUTCOMES),
    accepted: z.boolean(),
    http_status: z.int().nullable(),
    error_code: z.string().nullable(),
    error: z.string().nullable(),
    cold_start: z.boolean().nullable(),
    estimated: z.boolean(),
    duration_ms: z.int(),
    gpu_ms: z.int(),
    cold_start_ms: z.int(),
    busy_ms: z.int(),
    idle_ms: z.int(),
    gpu_nano_usd_per_s: z.int().nullable(),
    region_multiplier_millionths: z.int().nullable(),
    gpu_cost_micro_usd: microUsd.nullable(),
    tokens_in: z.int().nullable(),
    tokens_out: z.int().nullable(),
    input_micro_usd_per_million_tokens: z.int().nullable(),
    output_micro_usd_per_million_tokens: z.int().nullable(),
    llm_cost_micro_usd: microUsd.nullable(),
    total_micro_usd: microUsd,
    total_usd: usd,
    unpriced: z.boolean(),
    prices_from: z.iso.date(),
  })
  .meta({ id: 'LedgerEntry' });
export type LedgerEntryView = z.infer<typeof ledgerEntrySchema>;

export const ledgerPageSchema = z
  .object({
    entries: z.array(ledgerEntrySchema),
    next_cursor: z.string().nullable().describe('For the next page; null: this is the last.'),
  })
  .meta({ id: 'LedgerPage' });
export type LedgerPage = z.infer<typeof ledgerPageSchema>;

const sums = {
  entries: z.int(),
  calls: z.int(),
  accepted: z.int(),
  cold_starts: z.int(),
  estimated_entries: z.int(),
  unpriced_entries: z.int(),
  gpu_ms: z.int(),
  cold_start_ms: z.int(),
  busy_ms: z.int(),
  idle_ms: z.int(),
  tokens_in: z.int(),
  tokens_out: z.int(),
  gpu_cost_micro_usd: microUsd,
  llm_cost_micro_usd: microUsd,
  total_micro_usd: microUsd,
  total_usd: usd,
};

export const ledgerSummarySchema = z
  .object({
    group_by: z.enum(LEDGER_SUMMARY_GROUPS),
    groups: z
      .array(
        z.object({
          value: z
            .string()
            .nullable()
            .describe("null: entries without one, such as those of jobs that are no run's."),
          ...sums,
        }),
      )
      .describe('The dearest first.'),
    total: z.object(sums).describe('Of all entries that match, also where groups were left out.'),
    truncated: z.boolean(),
  })
  .meta({ id: 'LedgerSummary' });
export type LedgerSummaryView = z.infer<typeof ledgerSummarySchema>;
export type LedgerSumsView = LedgerSummaryView['total'];

/** Parameters of the queries, for the OpenAPI document. */
export const LEDGER_FILTERS = filters;
export const LEDGER_LIMITS = {
  page: z.int().min(1).max(LEDGER_PAGE_MAX).default(200),
  groups: z.int().min(1).max(SUMMARY_GROUPS_MAX).default(1000),
};
