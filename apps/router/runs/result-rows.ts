import type { CellResultView } from '#contracts';
import { cellSeed } from '#domain';
import type { CellResult, RunEntity, StoredRunSpec } from '#persistence';

/** What of a run its results are told with. */
export interface ResultRun extends Pick<RunEntity, 'id' | 'status'> {
  readonly spec: Pick<StoredRunSpec, 'temperature' | 'max_tokens' | 'seed' | 'system_prompts'>;
}

export function resultView(
  cell: CellResult,
  { temperature, max_tokens, seed }: ResultRun['spec'],
  promptSha256: string,
): CellResultView {
  return {
    question_id: cell.questionId,
    model: cell.model,
    region: cell.region,
    repeat: cell.repeat,
    status: cell.state,
    response: cell.answer,
    answered_region: cell.answeredRegion,
    substituted: cell.substituted ?? false,
    endpoint_id: cell.endpointId,
    job_id: cell.jobId,
    attempts: cell.attempts,
    inference_time: cell.inferenceTimeS,
    tokens_generated: cell.tokensGenerated,
    error_code: cell.errorCode,
    accepted_at: cell.state === 'accepted' ? (cell.finishedAt?.toISOString() ?? null) : null,
    model_revision: cell.modelRevision,
    temperature,
    max_tokens,
    prompt_sha256: promptSha256,
    seed: seed === null || seed === undefined ? null : cellSeed(seed, cell),
    asked_at: cell.askedAt?.toISOString() ?? null,
    erased: cell.erasedAt !== null,
  };
}

export const COLUMNS = [
  'question_id',
  'model',
  'region',
  'repeat',
  'status',
  'response',
  'answered_region',
  'substituted',
  'endpoint_id',
  'job_id',
  'attempts',
  'inference_time',
  'tokens_generated',
  'error_code',
  'accepted_at',
  // New columns join at the end: scripts count them.
  'model_revision',
  'temperature',
  'max_tokens',
  'prompt_sha256',
  'seed',
  'asked_at',
  'erased',
] as const satisfies readonly (keyof CellResultView)[];

/** What customers are given: no endpoints. */
export const CHARTER_COLUMNS = COLUMNS.filter((column) => column !== 'endpoint_id');
