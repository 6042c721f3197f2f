import { CELL_STATES, RUN_STATUSES, type CellState } from '#domain';
import { z } from 'zod';
import { runPairSchema } from './runs.js';

/** One letter a cell: 100,000 of them are read in a few small pages. */
export const CELL_LETTERS: Readonly<Record<CellState | 'substituted', string>> = {
  pending: 'p',
  submitted: 'r',
  accepted: 'a',
  substituted: 's',
  failed: 'f',
  cancelled: 'c',
};
const LETTERS = [...CELL_STATES, 'substituted' as const].map((state) => CELL_LETTERS[state]).join('');

/** Cells on one page, unless one question has more. */
export const CELLS_PAGE = 20_000;

export const runCellsQuerySchema = z.strictObject({
  cursor: z.coerce.number('is not a cursor of this list').int().min(0).max(1_000_000).default(0),
});

/** Answer of `GET /runs/{id}/cells`: how every cell stands. */
export const runCellsSchema = z
  .object({
    run_id: z.uuid(),
    status: z.enum(RUN_STATUSES),
    pairs: z.array(runPairSchema),
    repeats: z.int(),
    questions: z.array(
      z.object({
        question_id: z.string(),
        /** A letter a cell, repeat after repeat, in each pair after pair: p pending, r running, a accepted, s substituted, f failed, c cancelled. */
        cells: z.string().regex(new RegExp(`^[${LETTERS}]*$`)),
        failures: z
          .record(z.string(), z.array(z.int().min(0)))
          .describe('By error code: which letters of `cells`, counted from 0, failed with it.'),
      }),
    ),
    /** Every event up to this one is in the page: follow the run from here. */
    last_event_id: z.string(),
    next_cursor: z.int().nullable(),
  })
  .meta({ id: 'RunCells' });
export type RunCellsView = z.infer<typeof runCellsSchema>;
