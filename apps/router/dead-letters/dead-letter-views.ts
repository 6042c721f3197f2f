import type { DeadLetterDetailView, DeadLetterListView, DeadLetterView } from '#contracts';
import type { DeadLetterRow } from '#persistence';
import type { DeadLetterDetail, DeadLetterPage } from './dead-letter-reader.js';

/** For operations; customers get the charter's. */
export function deadLetterView(row: DeadLetterRow): DeadLetterView {
  return {
    job_id: row.jobId,
    task_id: row.taskId,
    tenant: row.tenant,
    code: row.code,
    detail: row.detail,
    model: row.model,
    region: row.region,
    endpoint_id: row.endpointId,
    task_type: row.taskType,
    run_id: row.runId,
    attempt_count: row.attempts,
    poison: row.poison,
    payload_sha256: row.payloadSha256,
    state: row.state,
    redriven_as: row.redrivenAs,
    redriven_from: row.redrivenFrom,
    resolved_at: row.resolvedAt?.toISOString() ?? null,
    resolved_by: row.resolvedBy,
    reason: row.reason,
    failed_at: row.createdAt.toISOString(),
    erased_at: row.erasedAt?.toISOString() ?? null,
  };
}

export function deadLetterListView({ letters, nextCursor, counts }: DeadLetterPage): DeadLetterListView {
  return { dead_letters: letters.map(deadLetterView), next_cursor: nextCursor, counts };
}

export function deadLetterDetailView({ letter, attempts }: DeadLetterDetail): DeadLetterDetailView {
  return {
    ...deadLetterView(letter),
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      endpoint_id: attempt.endpointId,
      region: attempt.region,
      status: attempt.status,
      error_code: attempt.errorCode,
      detail: attempt.errorDetail,
      http_status: attempt.httpStatus,
      execution_ms: attempt.executionMs,
      started_at: attempt.startedAt?.toISOString() ?? null,
      finished_at: attempt.finishedAt?.toISOString() ?? null,
    })),
  };
}
