import { RUN_STATUSES } from '#domain';
import { z } from 'zod';

const status = z.enum(RUN_STATUSES);

export const charterRunCellsSchema = z
  .strictObject({
    run_id: z.uuid(),
    status,
    pairs: z.array(z.strictObject({ model: z.string(), region: z.string() })),
    repeats: z.int(),
    questions: z.array(
      z.strictObject({
        question_id: z.string(),
        cells: z.string(),
        failures: z.record(z.string(), z.array(z.int())),
      }),
    ),
    last_event_id: z.string(),
    next_cursor: z.int().nullable(),
  })
  .meta({ id: 'RunCellsCharter' });

const seconds = { from_s: z.number(), to_s: z.number() };

/** Lanes are told by what they serve, as in plans. */
export const charterRunTimelineSchema = z
  .strictObject({
    run_id: z.uuid(),
    status,
    zero_at: z.iso.datetime(),
    as_of: z.iso.datetime(),
    gpu_limit: z.int(),
    planned_makespan_s: z.number().nullable(),
    lanes: z.array(
      z.strictObject({
        regions: z.array(z.string()),
        models: z.array(z.string()),
        calls: z.int(),
        failed_calls: z.int(),
        intervals: z.array(
          z.strictObject({
            state: z.enum(['warming', 'busy', 'idle', 'running']),
            ...seconds,
            calls: z.int(),
          }),
        ),
        planned: z.array(z.strictObject({ state: z.enum(['warming', 'busy', 'idle']), ...seconds })),
      }),
    ),
    truncated: z.boolean(),
  })
  .meta({ id: 'RunTimelineCharter' });
