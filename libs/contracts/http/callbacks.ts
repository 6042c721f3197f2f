import { z } from 'zod';

const KEY = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):([1-9][0-9]{0,8})$/i;

/**
 * `POST /api/webhooks/modal/task-complete`: a deployment reports that a job has ended. Only whom it concerns is
 * read; the answer itself is fetched from the deployment, so a forged or repeated report changes nothing.
 */
export const callbackSchema = z
  .looseObject({
    /** The `Idempotency-Key` under which the job was spawned. */
    key: z.string().regex(KEY, 'must be <job_id>:<attempt>, as in the Idempotency-Key of the call'),
    call_id: z.string().max(256).optional(),
    status: z.string().max(64).optional(),
  })
  .transform(({ key }) => {
    const [, jobId = '', attempt = ''] = KEY.exec(key) ?? [];
    return { jobId: jobId.toLowerCase(), attempt: Number(attempt) };
  });

export const callbackAcceptedSchema = z.object({ accepted: z.literal(true) });
export type CallbackAccepted = z.infer<typeof callbackAcceptedSchema>;
