import { z } from 'zod';

// What customers are told of contents that they have had erased.

export const charterJobErasedSchema = z
  .strictObject({
    job_id: z.uuid(),
    erased: z.literal(true),
    also_erased: z.array(z.uuid()),
  })
  .meta({ id: 'JobErasedCharter' });

export const charterRunErasedSchema = z
  .strictObject({
    run_id: z.uuid(),
    erased: z.literal(true),
    complete: z.boolean(),
  })
  .meta({ id: 'RunErasedCharter' });
