import {
  charterResultRowSchema,
  charterRunEventSchema,
  charterView,
  type CellResultView,
  type CharterRunEvent,
  type CharterView,
} from '#contracts';
import type { Face } from '#domain';

export function charterResultRow(row: CellResultView): CharterView<typeof charterResultRowSchema> {
  return charterView(charterResultRowSchema, {
    question_id: row.question_id,
    model: row.model,
    region: row.region,
    repeat: row.repeat,
    status: row.status,
    response: row.response,
    answered_region: row.answered_region,
    substituted: row.substituted,
    job_id: row.job_id,
    attempts: row.attempts,
    inference_time: row.inference_time,
    tokens_generated: row.tokens_generated,
    error_code: row.error_code,
    accepted_at: row.accepted_at,
    model_revision: row.model_revision,
    temperature: row.temperature,
    max_tokens: row.max_tokens,
    prompt_sha256: row.prompt_sha256,
    seed: row.seed,
    asked_at: row.asked_at,
    erased: row.erased,
  });
}

/** @throws CharterFault for an event that customers are not told of */
export function charterRunEvent(
  event: Readonly<Record<string, unknown>>,
  { money }: Face,
): CharterView<typeof charterRunEventSchema> {
  // In the charter's view of events there is no money at all.
  const told = event['type'] === 'run.budget_reached' ? { spent_usd: null, ...event } : event;
  if (!money && 'spent_usd' in told)
    return charterView(charterRunEventSchema, { ...told, spent_usd: null } as CharterRunEvent);
  return charterView(charterRunEventSchema, told as CharterRunEvent);
}
