import { z } from 'zod';

/** Body of `POST /tenants/{tenant}/erase`. */
export const tenantEraseRequestSchema = z.strictObject({
  /** The tenant's name once more: nothing brings back what is erased. */
  confirm: z.string().max(200),
});

export const jobErasedSchema = z.object({
  job_id: z.uuid(),
  erased: z.literal(true),
  /** Jobs with the same request, which were made of its dead letter or it of theirs. */
  also_erased: z.array(z.uuid()),
});
export type JobErasedView = z.infer<typeof jobErasedSchema>;

export const runErasedSchema = z.object({
  run_id: z.uuid(),
  erased: z.literal(true),
  /** false: calls of the run are still being ended; their jobs are erased as soon as they have ended. */
  complete: z.boolean(),
});
export type RunErasedView = z.infer<typeof runErasedSchema>;

export const tenantErasedSchema = z.object({
  tenant: z.string(),
  /** Erased by this request. */
  jobs: z.int().min(0),
  runs: z.int().min(0),
  /** false: it goes on by itself. Jobs and runs that have not ended are erased once they have. */
  complete: z.boolean(),
});
export type TenantErasedView = z.infer<typeof tenantErasedSchema>;
