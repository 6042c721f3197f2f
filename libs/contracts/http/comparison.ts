import { CELL_STATES, RUN_STATUSES } from '#domain';
import { z } from 'zod';

/** Answers on one page, all of them compared with each other. */
export const COMPARISON_ANSWERS_MAX = 100;

export const comparisonQuerySchema = z.strictObject({
  question: z.string().min(1).max(64).optional().describe('Id of the question; left out: the first'),
  repeat: z.coerce.number().int().min(1).max(1_000_000).default(1),
  cursor: z.coerce.number('is not a cursor of this list').int().min(0).max(1_000_000).default(0),
});

export const comparedAnswerSchema = z
  .object({
    model: z.string(),
    region: z.string(),
    status: z.enum(CELL_STATES),
    response: z
      .string()
      .nullable()
      .describe('null: none is accepted, and so is everything that says something about it.'),
    answered_region: z.string().nullable(),
    substituted: z.boolean(),
    error_code: z
      .string()
      .nullable()
      .describe('Why the cell failed; null: it did not, or nothing is known of it.'),
    characters: z.int().nullable(),
    words: z.int().nullable(),
    refusal: z.boolean().nullable().describe('It opens like a refusal, by a heuristic.'),
    refusal_phrase: z.string().nullable().describe('The words it goes by, in lower case.'),
    erased: z.boolean().describe('It was accepted, and has been erased.'),
  })
  .meta({ id: 'ComparedAnswer' });
export type ComparedAnswer = z.infer<typeof comparedAnswerSchema>;

const side = z.object({ model: z.string(), region: z.string() });

/** Answer of `GET /runs/{id}/comparison`: one question across regions and models. */
export const comparisonSchema = z
  .object({
    run_id: z.uuid(),
    status: z.enum(RUN_STATUSES),
    question_id: z.string(),
    question: z.string().describe('Empty where its text has been erased.'),
    question_erased: z.boolean(),
    repeat: z.int(),
    repeats: z.int(),
    answers: z.array(comparedAnswerSchema),
    similarities: z.array(
      z.object({
        left: side,
        right: side,
        substituted: z
          .boolean()
          .describe('One of the two is a substitute: it does not speak for its region.'),
        similarity: z.number().describe('From 0 to 1: Sørensen-Dice over pairs of neighbouring words.'),
      }),
    ),
    next_cursor: z.int().nullable().describe('More answers to the same question.'),
    next_question: z.string().nullable(),
  })
  .meta({ id: 'Comparison' });
export type ComparisonView = z.infer<typeof comparisonSchema>;
