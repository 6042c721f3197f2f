import { RUN_STATUSES } from '#domain';
import { z } from 'zod';

const time = z.iso.datetime();

/** Answer of `GET /gates` to a customer. */
export const charterWaitingGatesSchema = z
  .strictObject({
    gates: z.array(
      z.strictObject({
        run_id: z.uuid(),
        run_name: z.string(),
        run_status: z.enum(RUN_STATUSES),
        gate_id: z.string(),
        after_question: z.string(),
        waiting_since: time,
        expires_at: time,
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'WaitingGatesCharter' });

/** Answer of `GET /questions` to a customer. */
export const charterQuestionBankSchema = z
  .strictObject({
    questions: z.array(z.strictObject({ id: z.string(), text: z.string(), system: z.string().nullable() })),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'QuestionBankCharter' });
