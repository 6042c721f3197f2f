import { batchIdOf, fileIdOf } from '#contracts';
import type { BatchStatus } from '#domain';
import type { Logger, Metrics } from '#observability';
import type { BatchRow } from '#persistence';

/** Leaves the trace of every status a batch comes to, after its commit: one log line, one metric. */
export class BatchJournal {
  constructor(
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** @param from null: it was made */
  record(batch: BatchRow, from: BatchStatus | null, about: Readonly<Record<string, unknown>> = {}): void {
    const { id, tenant, status, total, completed, failed, outputFileId, errorFileId, errors } = batch;
    this.metrics.count('beacon_batches_total', { status });
    this.logger.info(
      {
        event: `batch.${status}`,
        ...{ batch_id: batchIdOf(id), tenant, from, total, completed, failed },
        ...(outputFileId === null ? {} : { output_file_id: fileIdOf(outputFileId) }),
        ...(errorFileId === null ? {} : { error_file_id: fileIdOf(errorFileId) }),
        // Their messages may quote a line.
        ...(errors === null ? {} : { error_codes: [...new Set(errors.map(({ code }) => code))] }),
        ...about,
      },
      from === null ? 'batch made' : 'batch changed status',
    );
  }
}
