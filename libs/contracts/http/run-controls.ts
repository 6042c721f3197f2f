import { RUN_STATUSES } from '#domain';
import { z } from 'zod';

/** Answer of `POST /runs/{id}/pause|resume`. */
export const runStateSchema = z.object({ run_id: z.uuid(), status: z.enum(RUN_STATUSES) });
export type RunStateView = z.infer<typeof runStateSchema>;
