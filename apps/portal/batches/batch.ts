import type { AnswerOf } from '#router-client';
import type { ProgressCounts } from '../runs/progress-bar.js';

export type Batch = AnswerOf<'/v1/batches/{batch_id}', 'get'>;
export type StoredFile = AnswerOf<'/v1/files', 'get'>['data'][number];

const ENDED: readonly Batch['status'][] = ['completed', 'failed', 'expired', 'cancelled'];

export function hasEnded({ status }: Pick<Batch, 'status'>): boolean {
  return ENDED.includes(status);
}

/** What has been taken may still be cancelled until its results are being written. */
export function mayBeCancelled({ status }: Pick<Batch, 'status'>): boolean {
  return status === 'validating' || status === 'in_progress';
}

/** Lines of its input file. Those of an ended batch that were neither answered nor failed were not asked to their end. */
export function lineCounts(batch: Pick<Batch, 'status' | 'request_counts'>): ProgressCounts {
  const { total, completed, failed } = batch.request_counts;
  return {
    total,
    accepted: completed,
    substituted: 0,
    failed,
    cancelled: hasEnded(batch) ? Math.max(0, total - completed - failed) : 0,
    running: 0,
  };
}

/** When it ended; null: it goes on. Unix seconds. */
export function endedAt(batch: Batch): number | null {
  return batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
}

/** @returns RFC 3339 of OpenAI's Unix seconds */
export function momentOf(unixSeconds: number | null | undefined): string | null {
  return unixSeconds === null || unixSeconds === undefined
    ? null
    : new Date(unixSeconds * 1000).toISOString();
}
