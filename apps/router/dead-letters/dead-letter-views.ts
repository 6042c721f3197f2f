import type { DeadLetterDetailView, DeadLetterView } from '#contracts';
import { hasRole, type Caller } from '#domain';
import type { DeadAttemptRow, DeadLetterRow } from '#persistence';

/** Endpoints, their own words and the keys of others are not for customers. */
function seesAll(caller: Caller): boolean {
  return hasRole(caller, 'operate');
}

export function deadLetterView(row: DeadLetterRow, caller: Caller): DeadLetterView {
  return {
    job_id: row.jobId,
    tenant: row.tenant,
    code: row.code,
    detail: seesAll(caller) ? row.detail : null,
    model: row.model,
    region: row.region,
    endpoint_id: seesAll(caller) ? row.endpointId : null,
    task_type: row.taskType,
    run_id: row.runId,
    attempt_count: row.attempts,
    poison: row.poison,
    payload_sha256: row.payloadSha256,
    state: row.state,
    redriven_as: row.redrivenAs,
    redriven_from: row.redrivenFrom,
    resolved_at: row.resolvedAt?.toISOString() ?? null,
    resolved_by: seesAll(caller) ? row.resolvedBy : null,
    reason: row.reason,
    failed_at: row.createdAt.toISOString(),
    erased_at: row.erasedAt?.toISOString() ?? null,
  };
}

export function deadAttemptView(
  row: DeadAttemptRow,
  caller: Caller,
): DeadLetterDetailView['attempts'][number] {
  return {
    attempt: row.attempt,
    endpoint_id: seesAll(caller) ? row.endpointId : null,
    region: row.region,
    status: row.status,
    error_code: row.errorCode,
    detail: seesAll(caller) ? row.errorDetail : null,
    http_status: row.httpStatus,
    execution_ms: row.executionMs,
    started_at: row.startedAt?.toISOString() ?? null,
    finished_at: row.finishedAt?.toISOString() ?? null,
  };
}
