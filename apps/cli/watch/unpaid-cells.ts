import { z } from 'zod';
import { CommandError } from '../command-error.js';
import { askRouter, type Answered, type RouterOptions } from '../router-api.js';
import type { WatchedRun } from './run-state.js';

const CODE = 'BUDGET_REACHED';

/** Of pages of cells: which of a question's failed, by code. Older routers do not say. */
const failuresSchema = z.object({
  questions: z.array(z.object({ failures: z.record(z.string(), z.array(z.int())).optional() })),
  next_cursor: z.int().nullable(),
});

/**
 * How many cells of a run that has ended were not asked, as its budget might not have paid for them. A run's view does
 * not say why cells failed: its cells do, and are read only where the budget can be the reason.
 */
export async function unpaidCells(options: RouterOptions, run: WatchedRun): Promise<number> {
  const { budget, status, progress, runId } = run;
  const isBounded = budget.usd !== null || budget.gpu_seconds !== null;
  if (!isBounded || progress.failed === 0) return 0;
  if (status !== 'failed' && status !== 'completed_with_failures') return 0;
  try {
    return await unpaidOf(options, runId);
  } catch (error) {
    // A remark beside what was asked for: the run itself is shown all the same.
    if (error instanceof CommandError) return 0;
    throw error;
  }
}

async function unpaidOf(options: RouterOptions, runId: string): Promise<number> {
  let unpaid = 0;
  for (let next: number | null = 0; next !== null;) {
    const cursor: number = next;
    const page: Answered<z.infer<typeof failuresSchema>> = await askRouter(
      options,
      (router) => router.GET('/runs/{id}/cells', { params: { path: { id: runId }, query: { cursor } } }),
      failuresSchema,
    );
    for (const { failures } of page.answer.questions) unpaid += failures?.[CODE]?.length ?? 0;
    next = page.answer.next_cursor;
  }
  return unpaid;
}
