import { GATE_OUTCOMES, RUN_ORDERS, RUN_STATUSES } from '#domain';
import { z } from 'zod';
import { charterProgressSchema } from './runs.js';

const time = z.iso.datetime();

function event<Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) {
  return z.strictObject({ type: z.literal(type), run_id: z.uuid(), at: time, ...shape });
}

const cellName = {
  cell_no: z.int(),
  question_id: z.string(),
  model: z.string(),
  region: z.string(),
  repeat: z.int(),
  job_id: z.uuid().nullable(),
};
const cell = { ...cellName, attempts: z.int() };
const failed = { ...cell, error_code: z.string().nullable().optional() };

/** Everything that the event stream of a run tells a customer. An event that is not listed is not told. */
export const charterRunEventSchema = z
  .discriminatedUnion('type', [
    event('run.started', { order: z.enum(RUN_ORDERS) }),
    event('cell.submitted', { ...cellName, cell_attempt: z.int() }),
    event('cell.accepted', {
      ...cell,
      answered_region: z.string(),
      substituted: z.boolean(),
      inference_time: z.number().nullable(),
    }),
    event('cell.retried', failed),
    event('cell.failed', failed),
    event('cell.cancelled', cell),
    event('question.completed', { question_id: z.string() }),
    event('gate.waiting', { gate_id: z.string(), expires_at: time }),
    event('gate.decided', { gate_id: z.string(), decision: z.enum(GATE_OUTCOMES) }),
    event('run.paused', {}),
    event('run.resumed', {}),
    event('run.reopened', { reason: z.enum(['retry_failed', 'extended']), cells: z.int() }),
    event('run.cancelling', {}),
    event('run.budget_reached', { spent_usd: z.number().nullable(), spent_gpu_seconds: z.number() }),
    event('run.finished', {
      status: z.enum(RUN_STATUSES),
      accepted: z.int(),
      failed: z.int(),
      cancelled: z.int(),
    }),
    event('progress', {
      status: z.enum(RUN_STATUSES),
      complete: z.boolean(),
      progress: charterProgressSchema,
      eta_seconds: z.number().nullable(),
    }),
  ])
  .meta({ id: 'RunEvent' });
export type CharterRunEvent = z.input<typeof charterRunEventSchema>;
