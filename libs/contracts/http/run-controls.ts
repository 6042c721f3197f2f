import { RUN_STATUSES } from '#domain';
import { z } from 'zod';
import { runBudgetRequestSchema } from './run-budget.js';
import { REPEATS_MAX } from './runs.js';

/** Answer of `POST /runs/{id}/pause|resume`. */
export const runStateSchema = z.object({ run_id: z.uuid(), status: z.enum(RUN_STATUSES) });
export type RunStateView = z.infer<typeof runStateSchema>;

/** Body of `POST /runs/{id}/retry-failed`. */
export const runRetryRequestSchema = z.strictObject({
  /** Not lower than what the run has. */
  budget: runBudgetRequestSchema.optional(),
});

/** Answer of `POST /runs/{id}/retry-failed`. */
export const runRetrySchema = runStateSchema.extend({
  /** Cells that had no answer and are asked again. */
  retried_cells: z.int(),
});
export type RunRetryView = z.infer<typeof runRetrySchema>;

/** Body of `POST /runs/{id}/extend`. */
export const runExtendRequestSchema = z.strictObject({
  /** In all, those included that the run has. */
  repeats: z.int().min(1).max(REPEATS_MAX),
  /** Not lower than what the run has. */
  budget: runBudgetRequestSchema.optional(),
});

/** Answer of `POST /runs/{id}/extend`. */
export const runExtendSchema = runStateSchema.extend({
  repeats: z.int(),
  total_cells: z.int(),
  /** 0: it had these repeats before. */
  added_cells: z.int(),
});
export type RunExtendView = z.infer<typeof runExtendSchema>;
