import {
  charterReceiptCellSchema,
  charterReceiptStraySchema,
  charterView,
  type CharterReceiptCell,
  type CharterView,
  type ReceiptCell,
  type ReceiptStray,
} from '#contracts';

export function charterReceiptCell(cell: ReceiptCell): CharterView<typeof charterReceiptCellSchema> {
  return charterView(charterReceiptCellSchema, {
    cell_no: cell.cell_no,
    question_id: cell.question_id,
    model: cell.model,
    region: cell.region,
    repeat: cell.repeat,
    status: cell.status,
    job_id: cell.job_id,
    answer_sha256: cell.answer_sha256,
    answered_region: cell.answered_region,
    substituted: cell.substituted,
    inference_time: cell.inference_time,
    tokens_generated: cell.tokens_generated,
    model_revision: cell.model_revision,
    cold_start: cell.cold_start,
    error_code: cell.error_code,
    finished_at: cell.finished_at,
    attempts_counted: cell.attempts_counted,
    seed: cell.seed ?? null,
    asked_at: cell.asked_at ?? null,
    erased: cell.erased ?? false,
    jobs: cell.jobs.map(jobOf),
  });
}

function jobOf(job: ReceiptCell['jobs'][number]): CharterReceiptCell['jobs'][number] {
  return {
    job_id: job.job_id,
    cell_attempt: job.cell_attempt,
    state: job.state,
    error_code: job.error_code,
    answer_sha256: job.answer_sha256,
    answered_region: job.answered_region,
    seed: job.seed ?? null,
    attempts: job.attempts.map((attempt) => ({
      attempt: attempt.attempt,
      region: attempt.region,
      status: attempt.status,
      error_code: attempt.error_code,
      started_at: attempt.started_at,
      finished_at: attempt.finished_at,
      execution_ms: attempt.execution_ms,
      reattached: attempt.reattached,
    })),
  };
}

export function charterReceiptStray(stray: ReceiptStray): CharterView<typeof charterReceiptStraySchema> {
  return charterView(charterReceiptStraySchema, {
    cell_no: stray.cell_no,
    job_id: stray.job_id,
    attempt: stray.attempt,
    kind: stray.kind,
    error_code: stray.error_code,
    execution_ms: stray.execution_ms,
    received_at: stray.received_at,
  });
}
