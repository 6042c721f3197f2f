import { z } from 'zod';

/** Body of `POST /tenants/{tenant}/erase`. */
export const tenantEraseRequestSchema = z
  .strictObject({
    confirm: z.string().max(200).describe("The tenant's name once more: nothing brings back what is erased."),
  })
  .meta({ id: 'TenantEraseRequest' });

export const jobErasedSchema = z
  .object({
    job_id: z.uuid(),
    erased: z.literal(true),
    also_erased: z
      .array(z.uuid())
      .describe('Jobs with the same request, which were made of its dead letter or it of theirs.'),
  })
  .meta({ id: 'JobErased' });
export type JobErasedView = z.infer<typeof jobErasedSchema>;

export const runErasedSchema = z
  .object({
    run_id: z.uuid(),
    erased: z.literal(true),
    complete: z
      .boolean()
      .describe(
        'false: calls of the run are still being ended; their jobs are erased as soon as they have ended.',
      ),
  })
  .meta({ id: 'RunErased' });
export type RunErasedView = z.infer<typeof runErasedSchema>;

export const tenantErasedSchema = z
  .object({
    tenant: z.string(),
    jobs: z.int().min(0).describe('Erased by this request.'),
    runs: z.int().min(0),
    complete: z
      .boolean()
      .describe('false: it goes on by itself. Jobs and runs that have not ended are erased once they have.'),
  })
  .meta({ id: 'TenantErased' });
export type TenantErasedView = z.infer<typeof tenantErasedSchema>;
