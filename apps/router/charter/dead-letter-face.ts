import {
  charterDeadLetterDetailSchema,
  charterDeadLetterListSchema,
  charterDeadLetterSchema,
  charterDeadLetterSummarySchema,
  charterDiscardedManySchema,
  charterRedrivenManySchema,
  charterRedrivenSchema,
  charterView,
  errorSentence,
  type CharterView,
  type DeadLetterSummaryView,
  type DiscardedManyView,
  type RedrivenManyView,
  type RedrivenView,
} from '#contracts';
import type { DeadLetterRow } from '#persistence';
import type { DeadLetterDetail, DeadLetterPage } from '../dead-letters/dead-letter-reader.js';

export function charterDeadLetter(letter: DeadLetterRow): CharterView<typeof charterDeadLetterSchema> {
  return charterView(charterDeadLetterSchema, partsOf(letter));
}

export function charterDeadLetterList({
  letters,
  nextCursor,
  counts,
}: DeadLetterPage): CharterView<typeof charterDeadLetterListSchema> {
  return charterView(charterDeadLetterListSchema, {
    dead_letters: letters.map(partsOf),
    next_cursor: nextCursor,
    counts: {
      open: counts.open,
      redriven: counts.redriven,
      discarded: counts.discarded,
      poison: counts.poison,
    },
  });
}

export function charterDeadLetterDetail({
  letter,
  attempts,
}: DeadLetterDetail): CharterView<typeof charterDeadLetterDetailSchema> {
  return charterView(charterDeadLetterDetailSchema, {
    ...partsOf(letter),
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      region: attempt.region,
      status: attempt.status,
      error_code: attempt.errorCode,
      execution_ms: attempt.executionMs,
      started_at: attempt.startedAt?.toISOString() ?? null,
      finished_at: attempt.finishedAt?.toISOString() ?? null,
    })),
  });
}

/** The groups were made without the models of tasks. */
export function charterDeadLetterSummary(
  view: DeadLetterSummaryView,
): CharterView<typeof charterDeadLetterSummarySchema> {
  return charterView(charterDeadLetterSummarySchema, {
    group_by: view.group_by.filter((field) => field !== 'endpoint'),
    groups: view.groups.map((group) => ({
      code: group.code,
      model: group.model,
      region: group.region,
      open: group.open,
      poison: group.poison,
      payloads: group.payloads,
      oldest_at: group.oldest_at,
      newest_at: group.newest_at,
    })),
  });
}

export function charterRedriven(view: RedrivenView): CharterView<typeof charterRedrivenSchema> {
  return charterView(charterRedrivenSchema, {
    job_id: view.job_id,
    redriven_as: view.redriven_as,
    already: view.already,
  });
}

export function charterRedrivenMany(view: RedrivenManyView): CharterView<typeof charterRedrivenManySchema> {
  return charterView(charterRedrivenManySchema, {
    redriven: view.redriven,
    jobs: view.jobs.map((job) => ({ job_id: job.job_id, redriven_as: job.redriven_as })),
    skipped: view.skipped.map((letter) => ({ job_id: letter.job_id, reason: letter.reason })),
    skipped_by_reason: view.skipped_by_reason,
    more: view.more,
  });
}

export function charterDiscardedMany(
  view: DiscardedManyView,
): CharterView<typeof charterDiscardedManySchema> {
  return charterView(charterDiscardedManySchema, { discarded: view.discarded, more: view.more });
}

/** A task's model is nobody's to know, nor is the hash of its payload, which could be tried out with each model. */
function partsOf(letter: DeadLetterRow) {
  const ofTask = letter.taskType !== null;
  return {
    job_id: letter.jobId,
    task_id: letter.taskId,
    tenant: letter.tenant,
    code: letter.code,
    message: errorSentence(letter.code),
    model: ofTask ? null : letter.model,
    region: letter.region,
    task_type: letter.taskType,
    run_id: letter.runId,
    attempt_count: letter.attempts,
    poison: letter.poison,
    payload_sha256: ofTask ? null : letter.payloadSha256,
    state: letter.state,
    redriven_as: letter.redrivenAs,
    redriven_from: letter.redrivenFrom,
    resolved_at: letter.resolvedAt?.toISOString() ?? null,
    reason: letter.reason,
    failed_at: letter.createdAt.toISOString(),
    erased_at: letter.erasedAt?.toISOString() ?? null,
  };
}
