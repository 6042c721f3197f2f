import { z } from 'zod';

const count = z.int().min(0);
const name = z.string().min(1);

/** What the contract names; more is allowed. */
export const answerSchema = z.looseObject({
  status: z.literal('success'),
  response: z.string().min(1),
  model: name,
  inference_time: z.number().min(0),
  region: name,
  tokens_generated: count.min(1),
  tokens_in: count.min(1),
  gpu: name,
  model_revision: name,
  container_id: name,
  cold_start: z.boolean(),
});

export const errorSchema = z.looseObject({ status: z.literal('error'), error: z.string().min(1) });

/** FastAPI's 422. */
export const refusalSchema = z.looseObject({
  detail: z
    .array(z.looseObject({ loc: z.array(z.union([z.string(), z.int()])), msg: z.string(), type: z.string() }))
    .min(1),
});

export const releaseSchema = z.looseObject({ status: z.enum(['released', 'busy']), containers: count });

export const healthSchema = z.looseObject({
  status: z.literal('healthy'),
  models_available: z.array(name).min(1),
  region: name,
});
