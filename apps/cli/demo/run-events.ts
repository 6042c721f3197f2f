import { z } from 'zod';

/** The events of a run that the demo looks at; others pass. */
export const runEventSchema = z.object({
  type: z.string(),
  at: z.string(),
  question_id: z.string().optional(),
  model: z.string().optional(),
  region: z.string().optional(),
  job_id: z.string().nullish(),
  attempts: z.int().optional(),
  error_code: z.string().nullish(),
  status: z.string().optional(),
});
export type RunEvent = z.output<typeof runEventSchema>;
