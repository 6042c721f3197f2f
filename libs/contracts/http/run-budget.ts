import { z } from 'zod';

export const USD_MAX = 1_000_000_000;
export const GPU_SECONDS_MAX = 1_000_000_000;
export const DEADLINE_S_MAX = 31_536_000;

/** What a run may take in all; nothing is submitted that might pass it. */
export const runBudgetRequestSchema = z
  .strictObject({
    usd: z.number().positive().max(USD_MAX).optional(),
    gpu_seconds: z.number().positive().max(GPU_SECONDS_MAX).optional(),
  })
  .refine(
    ({ usd, gpu_seconds }) => usd !== undefined || gpu_seconds !== undefined,
    'needs usd or gpu_seconds',
  )
  .meta({ id: 'RunBudgetRequest' });
export type RunBudgetRequest = z.infer<typeof runBudgetRequestSchema>;

/** `usd` is null where a price is not known. */
export const runBudgetViewSchema = z
  .object({
    usd: z.number().nullable().describe('null: no bound.'),
    gpu_seconds: z.number().nullable(),
    spent_usd: z
      .number()
      .nullable()
      .describe('Every call that was made, and the idle time its container is left with.'),
    spent_gpu_seconds: z.number(),
    committed_usd: z.number().nullable().describe('What the calls in flight may yet take.'),
    committed_gpu_seconds: z.number(),
  })
  .meta({ id: 'RunBudget' });
export type RunBudgetView = z.infer<typeof runBudgetViewSchema>;
