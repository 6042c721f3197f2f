import { RUN_STATUSES } from '#domain';
import { z } from 'zod';
import { runBudgetRequestSchema } from './run-budget.js';
import { REPEATS_MAX } from './runs.js';

/** Answer of `POST /runs/{id}/pause|resume`. */
export const runStateSchema = z
  .object({ run_id: z.uuid(), status: z.enum(RUN_STATUSES) })
  .meta({ id: 'RunState' });
export type RunStateView = z.infer<typeof runStateSchema>;

/** Body of `POST /runs/{id}/retry-failed`. */
export const runRetryRequestSchema = z
  .strictObject({
    budget: runBudgetRequestSchema.optional().describe('Not lower than what the run has.'),
  })
  .meta({ id: 'RunRetryRequest' });

/** Answer of `POST /runs/{id}/retry-failed`. */
export const runRetrySchema = runStateSchema
  .extend({
    retried_cells: z.int().describe('Cells that had no answer and are asked again.'),
  })
  .meta({ id: 'RunRetry' });
export type RunRetryView = z.infer<typeof runRetrySchema>;

/** Body of `POST /runs/{id}/extend`. */
export const runExtendRequestSchema = z
  .strictObject({
    repeats: z.int().min(1).max(REPEATS_MAX).describe('In all, those included that the run has.'),
    budget: runBudgetRequestSchema.optional().describe('Not lower than what the run has.'),
  })
  .meta({ id: 'RunExtendRequest' });

/** Answer of `POST /runs/{id}/extend`. */
export const runExtendSchema = runStateSchema
  .extend({
    repeats: z.int(),
    total_cells: z.int(),
    added_cells: z.int().describe('0: it had these repeats before.'),
  })
  .meta({ id: 'RunExtend' });
export type RunExtendView = z.infer<typeof runExtendSchema>;
