import { z } from 'zod';

export const questionBankQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z
    .string()
    .regex(/^[0-9]{1,6}$/, 'is not a cursor of this list')
    .optional(),
});

/** Answer of `GET /questions`: the question bank, in the order of the configuration. */
export const questionBankSchema = z
  .object({
    questions: z.array(
      z.object({
        id: z.string(),
        text: z.string(),
        /** System prompt; null: it has none. */
        system: z.string().nullable(),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'QuestionBank' });
export type QuestionBankView = z.infer<typeof questionBankSchema>;
