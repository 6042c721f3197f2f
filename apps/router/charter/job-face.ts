import {
  charterCancelSchema,
  charterInferenceSchema,
  charterJobStatusSchema,
  charterQueuedSchema,
  charterView,
  errorSentence,
  type CharterView,
  type QueuedResponse,
} from '#contracts';
import { statusOf } from '#domain';
import type { CharterAttempt, CharterJob } from '#persistence';

/** Where a job stands in its queue; undefined: it does not wait. */
export interface WaitView {
  readonly position: number;
  readonly estimateMs: number | undefined;
  readonly reason: string;
}

export function charterQueued(queued: QueuedResponse): CharterView<typeof charterQueuedSchema> {
  return charterView(charterQueuedSchema, {
    success: true,
    job_id: queued.job_id,
    status: queued.status,
    queue_position: queued.queue_position,
    estimated_wait_seconds: queued.estimated_wait_seconds,
    region: queued.region,
    message: queued.message,
    warnings: queued.warnings,
  });
}

export function charterCancel(
  jobId: string,
  status: 'cancelling' | 'cancelled',
): CharterView<typeof charterCancelSchema> {
  return charterView(charterCancelSchema, { job_id: jobId, status });
}

export function charterJobStatus(
  job: CharterJob,
  attempts: readonly CharterAttempt[],
  waiting: WaitView | undefined,
  now: Date,
): CharterView<typeof charterJobStatusSchema> {
  const end = job.completedAt ?? now;
  return charterView(charterJobStatusSchema, {
    job_id: job.id,
    status: statusOf(job.state, job.attempt),
    model: job.model,
    region: job.result?.region ?? attempts.at(-1)?.region ?? job.homeRegion,
    region_policy: job.regionPolicy,
    priority: job.priority,
    queue_position: waiting?.position ?? null,
    estimated_wait_seconds: waiting?.estimateMs === undefined ? null : seconds(waiting.estimateMs),
    wait_reason: waiting?.reason ?? null,
    retry_count: Math.max(0, job.attempt - 1),
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      region: attempt.region,
      status: attempt.status,
      error_code: attempt.errorCode,
      started_at: attempt.startedAt?.toISOString() ?? null,
      finished_at: attempt.finishedAt?.toISOString() ?? null,
    })),
    result:
      job.result === null
        ? null
        : {
            success: true,
            response: job.result.response,
            model: job.result.model,
            region: job.result.region,
            substituted: job.result.substituted,
            inference_time: job.result.inference_time_s,
            tokens_generated: job.result.tokens_generated,
          },
    error:
      job.errorCode === null || job.state === 'completed'
        ? null
        : { code: job.errorCode, message: errorSentence(job.errorCode) },
    metadata: job.metadata,
    erased_at: job.erasedAt?.toISOString() ?? null,
    redriven_from: job.redrivenFrom,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    completed_at: job.completedAt?.toISOString() ?? null,
    duration: seconds(end.getTime() - job.createdAt.getTime()),
  });
}

export function charterInference(job: CharterJob): CharterView<typeof charterInferenceSchema> {
  const { result, errorCode, state } = job;
  return charterView(charterInferenceSchema, {
    success: result !== null,
    response: result?.response ?? null,
    error:
      result !== null
        ? null
        : {
            code: errorCode ?? state.toUpperCase(),
            message: errorCode === null ? `the job is ${state}` : errorSentence(errorCode),
          },
    provider_used: result?.region ?? null,
    inference_time: result?.inference_time_s ?? null,
    cost_estimate: null,
    region: result?.region ?? null,
    job_id: job.id,
    metadata: job.metadata,
  });
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
