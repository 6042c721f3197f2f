import type { ReceiptCell, ReceiptMissing, ReceiptStray, ReceiptSubstitute } from '#contracts';
import { cellSeed, type RunEnding } from '#domain';
import type { ReceiptAttemptRow, ReceiptCellRow, ReceiptJobRow } from '#persistence';

type Job = ReceiptCell['jobs'][number];

/** @param runSeed null: the run has none */
export function receiptCell(row: ReceiptCellRow, runSeed: number | null): ReceiptCell {
  const answering =
    row.state === 'accepted'
      ? row.jobs.find(({ id }) => id === row.jobId)?.attempts.findLast(({ status }) => status === 'succeeded')
      : undefined;
  const attested = answering?.attested;
  return {
    ...nameOf(row),
    status: row.state,
    job_id: row.jobId,
    answer_sha256: row.answerSha256,
    answered_region: row.answeredRegion,
    substituted: row.substituted ?? false,
    endpoint_id: row.endpointId,
    inference_time: row.inferenceTimeS,
    tokens_in: attested?.tokens_in ?? null,
    tokens_generated: row.tokensGenerated,
    model_revision: attested?.model_revision ?? null,
    gpu: attested?.gpu ?? null,
    container_id: attested?.container_id ?? null,
    cold_start: answering?.coldStart ?? null,
    error_code: row.errorCode,
    finished_at: row.finishedAt?.toISOString() ?? null,
    attempts_counted: row.attempts,
    seed: runSeed === null ? null : cellSeed(runSeed, row),
    asked_at: row.askedAt?.toISOString() ?? null,
    erased: row.erased,
    jobs: row.jobs.map(receiptJob),
  };
}

function receiptJob(job: ReceiptJobRow): Job {
  return {
    job_id: job.id,
    cell_attempt: job.cellAttempt,
    state: job.state,
    // A completed job keeps the code of an attempt before; it is no failure of the job.
    error_code: job.state === 'completed' ? null : job.errorCode,
    answer_sha256: job.answerSha256,
    answered_region: job.answeredRegion,
    seed: job.seed,
    attempts: job.attempts.map(receiptAttempt),
  };
}

function receiptAttempt(attempt: ReceiptAttemptRow): Job['attempts'][number] {
  return {
    attempt: attempt.attempt,
    endpoint_id: attempt.endpointId,
    region: attempt.region,
    status: attempt.status,
    error_code: attempt.errorCode,
    started_at: attempt.startedAt?.toISOString() ?? null,
    finished_at: attempt.finishedAt?.toISOString() ?? null,
    execution_ms: attempt.executionMs,
    upstream_call_id: attempt.attested?.upstream_call_id ?? null,
    reattached: attempt.reattached,
  };
}

/** @returns undefined where the cell has its answer */
export function missingAnswer(row: ReceiptCellRow, ending: RunEnding | null): ReceiptMissing | undefined {
  if (row.state === 'accepted') return undefined;
  return { ...nameOf(row), status: row.state, reason: reasonOf(row, row.state, ending) };
}

function reasonOf(
  { errorCode }: ReceiptCellRow,
  state: Exclude<ReceiptCellRow['state'], 'accepted'>,
  ending: RunEnding | null,
): string {
  switch (state) {
    case 'failed':
      return errorCode ?? 'INTERNAL_ERROR';
    case 'cancelled':
      return ending === null || ending === 'cancelled' ? 'RUN_CANCELLED' : `GATE_${ending.toUpperCase()}`;
    case 'submitted':
      return 'BEING_ASKED';
    case 'pending':
      return errorCode === null ? 'NOT_ASKED' : 'TO_BE_ASKED_AGAIN';
  }
}

/** @returns undefined where the answer is the region's own, or there is none */
export function substituteAnswer(row: ReceiptCellRow): ReceiptSubstitute | undefined {
  if (row.substituted !== true || row.answeredRegion === null) return undefined;
  return { ...nameOf(row), answered_region: row.answeredRegion };
}

export function strayOutcomes(row: ReceiptCellRow): ReceiptStray[] {
  return row.jobs.flatMap(({ strays }) =>
    strays.map((stray) => ({
      cell_no: row.cellNo,
      job_id: stray.jobId,
      attempt: stray.attempt,
      endpoint_id: stray.endpointId,
      kind: stray.kind,
      error_code: stray.errorCode,
      execution_ms: stray.executionMs,
      received_at: stray.receivedAt.toISOString(),
    })),
  );
}

function nameOf({ cellNo, questionId, model, region, repeat }: ReceiptCellRow) {
  return { cell_no: cellNo, question_id: questionId, model, region, repeat };
}
