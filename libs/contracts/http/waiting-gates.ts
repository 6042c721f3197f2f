import { RUN_STATUSES } from '#domain';
import { z } from 'zod';

export const waitingGatesQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[0-9]{1,18}\.[0-9]{1,18}$/, 'is not a cursor of this list')
    .optional(),
});

/** Answer of `GET /gates`: gates that runs stand before, the one that expires first at the head. */
export const waitingGatesSchema = z
  .object({
    gates: z.array(
      z.object({
        run_id: z.uuid(),
        run_name: z.string(),
        /** `awaiting_approval`, or `paused` where the run was paused before the gate. */
        run_status: z.enum(RUN_STATUSES),
        gate_id: z.string(),
        after_question: z.string(),
        waiting_since: z.iso.datetime(),
        expires_at: z.iso.datetime(),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'WaitingGates' });
export type WaitingGatesView = z.infer<typeof waitingGatesSchema>;
