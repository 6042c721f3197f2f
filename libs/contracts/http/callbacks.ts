import { z } from 'zod';

const KEY = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):([1-9][0-9]{0,8})$/i;

/**
 * `POST /api/webhooks/modal/task-complete`: a deployment reports that a job has ended. Only whom it concerns is
 * read; the answer itself is fetched from the deployment, so a forged or repeated report changes nothing.
 */
export const callbackSchema = z
  .looseObject({
    key: z
      .string()
      .regex(KEY, 'must be <job_id>:<attempt>, as in the Idempotency-Key of the call')
      .optional()
      .describe('The `Idempotency-Key` under which the job was spawned.'),
    task_id: z
      .uuid()
      .optional()
      .describe("The job's id alone, in place of `key`: its attempt is the one that is out."),
    call_id: z.string().max(256).optional(),
    status: z.string().max(64).optional(),
  })
  .refine(({ key, task_id }) => key !== undefined || task_id !== undefined, {
    path: ['key'],
    error: 'give the key of the call, or task_id',
  })
  .transform(({ key, task_id }) => {
    const [, jobId, attempt] = KEY.exec(key ?? '') ?? [];
    return {
      jobId: (jobId ?? task_id ?? '').toLowerCase(),
      attempt: attempt === undefined ? undefined : Number(attempt),
    };
  })
  .meta({ id: 'Callback' });

export const callbackAcceptedSchema = z
  .object({ accepted: z.literal(true) })
  .meta({ id: 'CallbackAccepted' });
export type CallbackAccepted = z.infer<typeof callbackAcceptedSchema>;
