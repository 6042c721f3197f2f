import { RUN_STATUSES } from '#domain';
import { z } from 'zod';
import { runViewSchema } from './runs.js';

/**
 * The `progress` event of `GET /runs/{id}/events`. It is made for the stream, not stored, and has no id: a client that
 * comes back with `Last-Event-ID` is given every stored event once, and progress as it is then.
 */
export const runProgressEventSchema = z
  .object({
    type: z.literal('progress'),
    run_id: z.uuid(),
    at: z.iso.datetime(),
    status: z.enum(RUN_STATUSES),
    complete: z
      .boolean()
      .describe(
        "The stream's first: `by_question` has every question that has begun, and all others stand at zero. In those after it, `by_question` has the questions whose counts have changed since the one before.",
      ),
    progress: runViewSchema.shape.progress.omit({ by_pair: true }),
    eta_seconds: z.number().nullable(),
  })
  .meta({ id: 'RunProgressEvent' });
export type RunProgressEvent = z.infer<typeof runProgressEventSchema>;
